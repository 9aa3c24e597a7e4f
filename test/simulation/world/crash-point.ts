// One place in a run at which something fails, counted out: the n-th statement that writes, the n-th commit, the n-th call to
// object storage.

export const CRASH_PLACES = [
  'swarm-write',
  'swarm-commit',
  'squad-write',
  'squad-commit',
  'past-write',
  'past-commit',
  'device-write',
  'storage-call',
] as const;
export type CrashPlace = (typeof CRASH_PLACES)[number];

export interface CrashPoint {
  /** Null: nowhere; the places are only counted. */
  readonly place: CrashPlace | null;
  /** From 1. */
  readonly nth: number;
  /** What was written until then is durable, though nobody hears of it. */
  readonly kept: boolean;
  /** How often each place was passed. */
  readonly seen: Partial<Record<CrashPlace, number>>;
}
