// The past as a whole: the state at a moment, and what changed between two. Any other read takes `at` itself (route.ts).

import { z } from 'zod';
import type { Json } from '../../../core/json.ts';
import { diffEventsMax, listLimitDefault } from '../../../core/limits.ts';
import { answer, callPast, refuse } from '../call.ts';
import { type Route, route } from '../route.ts';
import { Difference, StateAt } from '../shapes/history.ts';
import { moment, page } from '../shapes/parts.ts';

export const historyRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/history/state',
    operationId: 'getStateHash',
    tag: 'History',
    summary: 'Get the hash of the whole state at a moment',
    description:
      'Rebuilt from the nearest snapshot and the events behind it. The same hash comes of folding every event from the first, and of the snapshot itself when the moment is one.',
    scope: 'journal:read',
    query: z.strictObject({ at: moment.optional() }),
    answers: { 200: { description: 'The moment and its hash.', body: StateAt } },
    refuses: ['moment_ahead', 'moment_before_genesis', 'history_expired', 'history_damaged'],
    serve: async ({ query }, call) => {
      const { swarm, actor } = call.caller;
      const found = await callPast(swarm, (past) => past.stateHash(swarm, actor, query.at ?? 'now'), call.deps);
      if (!found.ok) return refuse(found.error, call);
      const { moment: read, stateHash, rows } = found.value;
      const { seq, at: time, hash, snapshotSeq, damaged } = read;
      const view = { seq, time: new Date(time).toISOString(), hash, stateHash, rows, snapshotSeq, damaged };
      return answer(200, view as unknown as Json); // of the shape that is declared
    },
  }),

  route({
    method: 'get',
    path: '/v1/history/diff',
    operationId: 'compareMoments',
    tag: 'History',
    summary: 'Compare two moments',
    description: `What changed between them: rows as they were and as they are, balances, cost, and how many events of each type. At most ${diffEventsMax.toLocaleString('en')} events lie between.`,
    scope: 'journal:read',
    query: page.extend({
      from: moment,
      to: moment.optional().meta({ description: 'The later moment; the present when left out.' }),
    }),
    answers: { 200: { description: 'The difference, with a page of its rows.', body: Difference } },
    refuses: [
      'moment_ahead',
      'moment_before_genesis',
      'range_reversed',
      'range_too_large',
      'history_expired',
      'history_damaged',
    ],
    serve: async ({ query }, call) => {
      const { swarm, actor } = call.caller;
      const { from, to = 'now', limit = listLimitDefault, cursor = null } = query;
      const diffed = await callPast(swarm, (past) => past.diff(swarm, actor, from, to, { limit, cursor }), call.deps);
      return diffed.ok ? answer(200, diffed.value) : refuse(diffed.error, call);
    },
  }),
];
