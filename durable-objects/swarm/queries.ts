// What a swarm answers to questions: rows and lists as the API shows them, and the journal. Nothing here writes.

import { retentionView } from '../../core/archive/view.ts';
import type { Moment } from '../../core/envelope.ts';
import type { Json } from '../../core/json.ts';
import { listLimitMax, planTasksMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { answerRows, isRowQuery } from '../../core/swarm/answer.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { JournalQuery, ProofQuery, Query } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import { sqlRows } from './sql-rows.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface QueryDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly moment: Moment;
}

/** All but proofs and the journal, which may need the archive (proofs.ts, journal-page.ts). */
export function answer(query: Exclude<Query, ProofQuery | JournalQuery>, deps: QueryDeps): Result<Json, Rejection> {
  const { store } = deps;
  if (isRowQuery(query)) return answerRows(query, sqlRows(deps.sql, store.read), deps.moment);
  switch (query.type) {
    case 'trigger-secret': {
      const trigger = store.read.row('trigger', query.id);
      if (trigger?.state !== 'active') return err({ code: 'trigger_not_found' });
      return ok(plain({ preset: trigger.preset, generic: trigger.generic, sealedSecret: trigger.sealedSecret }));
    }
    case 'retention': {
      const swarm = store.read.row('swarm', SELF);
      return swarm === null ? err({ code: 'swarm_not_found' }) : ok(plain(retentionView(swarm)));
    }
    case 'status': {
      const swarm = store.read.row('swarm', SELF);
      if (swarm === null) return err({ code: 'swarm_not_found' });
      const parked = first(deps.sql.all<{ n: number }>('SELECT count(*) AS n FROM outbox WHERE parked = 1'))?.n ?? 0;
      const sealed = store.seal() !== null;
      return ok(plain({ ...swarm, head: store.head(), halted: store.halted(), parked, sealed }));
    }
  }
}

/** What an answer costs, about, in events that are decided: a mission's view asks all of its tasks, a list at most a page of rows. */
export function rowsOfQuery(query: Query): number {
  if (query.type === 'mission') return planTasksMax / rowsReadInOne;
  return ('limit' in query ? Math.min(query.limit, listLimitMax) : 1) / rowsReadInOne;
}
const rowsReadInOne = 8;

/** Views are data that JSON can say; over RPC they travel as such. */
function plain(value: object): Json {
  return value as unknown as Json;
}
