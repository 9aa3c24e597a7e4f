// What the exit codes of `starling` mean. Scripts depend on them: a code never changes its meaning.

export const EXIT = {
  /** Done. */
  ok: 0,
  /** The work was done and failed: the task failed, expired or was cancelled; the device is unhealthy. */
  failed: 1,
  /** The command line, or a file it names, cannot be read. */
  usage: 2,
  /** Not signed in, or not allowed. */
  forbidden: 3,
  /** The server cannot be reached, or cannot answer now. */
  unreachable: 4,
  /** The journal does not prove what it should. */
  unproved: 5,
  /** The server refused the request: what it asks for is not there, not possible or not affordable. */
  refused: 6,
  /** Waiting ended before the work did. */
  unfinished: 7,
  /** The device cannot run here: not enrolled, its home in use, or revoked by its swarm. */
  device: 8,
  /** A defect of this program. */
  defect: 70,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
