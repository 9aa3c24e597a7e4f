// The recorder's chores: what a swarm does with its journal beside its work (snapshots, archive, checkpoints, traces). A chore
// looks at the journal by itself and is due when there is enough to do. One that fails waits, doubled each time; it never
// blocks the swarm, and one that goes on failing is told of once and tried every hour [P18].

import { choreRetryMsMax, choreRetryMsMin, choreTriesMax } from '../../core/limits.ts';
import { pausedUntil } from '../pause.ts';

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

interface Trouble {
  tries: number;
  until: number;
}

export function createRecorder(chores: readonly Chore[], { now, calmAt, park }: RecorderDeps): Recorder {
  const troubles = new Map<Chore, Trouble>();
  let isRunning = false;

  function dueOf(chore: Chore): number | null {
    const due = chore.dueAt();
    if (due === null) return null;
    const mayWait = chore.isPressing !== undefined && !chore.isPressing();
    const until = pausedUntil(troubles.get(chore)?.until ?? 0, now(), choreRetryMsMax);
    return Math.max(due, until, mayWait ? calmAt() : 0);
  }

  async function runOne(chore: Chore): Promise<void> {
    try {
      await chore.run();
      troubles.delete(chore);
    } catch (cause) {
      const tries = (troubles.get(chore)?.tries ?? 0) + 1;
      const pause = Math.min(choreRetryMsMin * 2 ** (tries - 1), choreRetryMsMax);
      troubles.set(chore, { tries, until: now() + (tries >= choreTriesMax ? choreRetryMsMax : pause) });
      if (tries === choreTriesMax) tell(chore, tries, cause);
    }
  }

  /** Nothing may be written just now: told of at the next failure then. */
  function tell(chore: Chore, tries: number, cause: unknown): void {
    try {
      park(chore.name, tries, cause);
    } catch {
      troubles.set(chore, { tries: tries - 1, until: now() + choreRetryMsMax });
    }
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
    failures: () => Object.fromEntries([...troubles].map(([{ name }, { tries }]) => [name, tries])),
  };
}
