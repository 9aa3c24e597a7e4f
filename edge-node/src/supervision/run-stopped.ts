// Why a run was stopped from outside, and what its operation is told.

export const STOP_REASONS = [
  'cancelled',
  'deadline_passed',
  'lease_expired',
  'replaced',
  'lost',
  'interrupted',
] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** The reason of the signal that an operation was given; it rejects with it. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`the run was stopped: ${reason}`);
    this.reason = reason;
  }
}
