// What this device holds of its swarm's history: the newest checkpoint, with the swarm's key pinned by the first one. Whatever
// is shown is judged here, alone; what does not go on from what is held overwrites nothing [P7].

import { type SignedCheckpoint, verifyCheckpoint } from '../../core/journal/checkpoint.ts';
import { judgeContinuation, type NotGoingOn } from '../../core/journal/continuation.ts';
import type { Clock } from './clock.ts';
import type { Enrolment } from './identity.ts';
import type { Log } from './log.ts';
import type { DeviceDatabase } from './outbox/database.ts';

/** Why the history that was shown is not the one that is held. `refused`: the swarm itself says so. */
export type Conflict = NotGoingOn | 'refused';

export interface History {
  /** What is shown to the swarm; null before the first. */
  held(): SignedCheckpoint | null;
  /** The swarm shows a checkpoint, with the audit nodes from the one that is held. */
  shown(checkpoint: SignedCheckpoint, path: readonly string[]): void;
  /** The swarm says that its history does not go on from what this device holds. */
  refused(): void;
}

export interface HistoryDeps {
  readonly database: DeviceDatabase;
  readonly enrolment: Pick<Enrolment, 'tenant' | 'swarm'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

export function createHistory({ database, enrolment, clock, log }: HistoryDeps): History {
  const origin = `${enrolment.tenant}/${enrolment.swarm}`;

  function held(): SignedCheckpoint | null {
    const body = database.get('SELECT body FROM checkpoint')?.body;
    return typeof body === 'string' ? (JSON.parse(body) as SignedCheckpoint) : null; // our own row
  }

  function conflict(why: Conflict, shown: SignedCheckpoint | null): void {
    // Said once for each thing that is wrong, not every hour again.
    if (database.get('SELECT conflict FROM checkpoint')?.conflict !== why) {
      log('error', 'history_rewritten', { why, held: held()?.size ?? 0, shown: shown?.size ?? null });
    }
    database.run(
      'UPDATE checkpoint SET conflict = ?, conflict_at = ?, shown = ?',
      why,
      clock.now(),
      shown === null ? null : JSON.stringify(shown),
    );
  }

  return {
    held,
    shown(checkpoint, path) {
      const before = held();
      const why = before === null ? judgeFirst(origin, checkpoint) : judgeContinuation(before, checkpoint, path);
      if (why !== null) return conflict(why, checkpoint);
      database.run(
        'UPDATE checkpoint SET body = ?, taken_at = ?, conflict = NULL, conflict_at = NULL, shown = NULL',
        JSON.stringify(checkpoint),
        clock.now(),
      );
    },
    refused: () => conflict('refused', null),
  };
}

/** The first one pins the key: there is nothing to hold it against but the swarm that this device was enrolled in. */
function judgeFirst(origin: string, checkpoint: SignedCheckpoint): NotGoingOn | null {
  if (checkpoint.origin !== origin) return 'other_origin';
  return verifyCheckpoint(checkpoint) ? null : 'signature_invalid';
}
