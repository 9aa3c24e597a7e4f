// Where a command reads and writes. Tests give it strings; the program gives it the process.

/** What a command has of the world around it. */
export interface Terminal {
  /** Results: what a pipe carries on. */
  out(text: string): void;
  /** Everything said to a person. */
  err(text: string): void;
  /** True when a person looks at standard error: only then is progress shown. */
  readonly isWatched: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** All of standard input, at most `bytesMax`; null when it is longer. */
  readAll(bytesMax: number): Promise<string | null>;
  /** Resolves when standard input ends: with a pipe, when the process at its other end has gone. */
  inputEnded(): Promise<void>;
  /** Asks for a secret without showing what is typed; null when nobody is there to ask. */
  askSecret(prompt: string): Promise<string | null>;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly interrupted: AbortSignal;
  readonly fetch: typeof fetch;
  now(): number;
  /** Resolves after `ms`, or as soon as the signal aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  random(): number;
}
