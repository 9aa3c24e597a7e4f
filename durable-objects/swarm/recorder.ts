// The recorder's chores: what a swarm does with its journal beside its work (snapshots, archive, checkpoints, traces). A chore
// looks at the journal by itself and is due when there is enough to do. One that fails waits, doubled each time; it never
// blocks the swarm, and one that goes on failing is told of once and tried every hour [P18]. Its failures are stored, and so is that
// it has begun: one that ends the process is tried by itself, then parked (tries.ts).

import { choreRetryMsMax, choreRetryMsMin, choreTriesMax } from '../../core/limits.ts';
import type { Tries } from '../tries.ts';

export interface Chore {
  readonly name: string;
  /** When there is something to do, in milliseconds since the epoch; null when there is nothing. Cheap: asked often. */
  dueAt(): number | null;
  /**
   * Of a chore that takes long: true when it can wait no longer for a quiet moment. Without it a chore is quick, and is done
   * whenever it is due.
   */
  isPressing?(): boolean;
  /** Does a bounded part of it. @throws when it could not; nothing is lost then, it is done again */
  run(): Promise<void>;
}

export interface RecorderDeps {
  readonly tries: Tries;
  now(): number;
  /** When the swarm is quiet enough for what takes long; in the past or now when it is. */
  calmAt(): number;
  /** Told when a chore has failed so often that somebody should look, with the last cause. */
  park(chore: string, tries: number, cause: unknown): void;
}

export interface Recorder {
  /** When the first chore is due; null when none is, or while they run. */
  nextDue(): number | null;
  /** Runs the chores that are due, one after the other; one call at a time. Never throws. */
  runDue(): Promise<void>;
  /** How often each chore has failed since it last went well. */
  failures(): Readonly<Record<string, number>>;
}

export function createRecorder(chores: readonly Chore[], { tries, now, calmAt, park }: RecorderDeps): Recorder {
  let isRunning = false;

  function dueOf(chore: Chore): number | null {
    const due = chore.dueAt();
    if (due === null) return null;
    const mayWait = chore.isPressing !== undefined && !chore.isPressing();
    return Math.max(due, tries.dueAt(workOf(chore)), mayWait ? calmAt() : 0);
  }

  async function runOne(chore: Chore): Promise<void> {
    const work = workOf(chore);
    if (tries.of(work) !== null) return tries.alone(work, () => attempt(chore));
    tries.begin('chores', [work]);
    await tries.durable();
    await attempt(chore);
    tries.end('chores');
  }

  async function attempt(chore: Chore): Promise<void> {
    const work = workOf(chore);
    try {
      await chore.run();
      tries.forget(work);
    } catch (cause) {
      const made = (tries.of(work)?.failures ?? 0) + 1;
      const pause =
        made >= choreTriesMax ? choreRetryMsMax : Math.min(choreRetryMsMin * 2 ** (made - 1), choreRetryMsMax);
      const { told } = tries.failed(work, now() + pause);
      if (made >= choreTriesMax && !told) tell(chore, made, cause);
    }
  }

  function tell(chore: Chore, made: number, cause: unknown): void {
    try {
      park(chore.name, made, cause);
    } catch {
      // Nothing may be written just now: told of at the next failure then.
      return;
    }
    tries.told(workOf(chore));
  }

  return {
    nextDue() {
      if (isRunning) return null;
      const due = chores.flatMap((chore) => dueOf(chore) ?? []);
      return due.length === 0 ? null : Math.min(...due);
    },
    async runDue() {
      if (isRunning) return;
      isRunning = true;
      try {
        for (const chore of chores) {
          const due = dueOf(chore);
          if (due !== null && due <= now()) await runOne(chore);
        }
      } finally {
        isRunning = false;
      }
    },
    failures() {
      const counts = tries.troubled(CHORE).map((name) => {
        const { failures = 0, deaths = 0 } = tries.of(`${CHORE}/${name}`) ?? {};
        return [name, failures + deaths] as const;
      });
      return Object.fromEntries(counts.filter(([, count]) => count > 0));
    },
  };
}

const CHORE = 'chore';

function workOf({ name }: Pick<Chore, 'name'>): string {
  return `${CHORE}/${name}`;
}
