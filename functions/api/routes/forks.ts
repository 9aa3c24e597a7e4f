// Forks: swarms that begin with another's rows at one moment. The directory keeps their places, their objects the rest. A
// key of the organization's own swarm sees all of them; a fork's key sees no further up than the fork [P9] [P13].

import { z } from 'zod';
import { assert } from '../../../core/assert.ts';
import { type Actor, actorName } from '../../../core/envelope.ts';
import type { Comparison } from '../../../core/forks/compare.ts';
import type { Fork as ForkMark, WhatIf } from '../../../core/forks/state.ts';
import type { At } from '../../../core/history/port.ts';
import type { SwarmId } from '../../../core/ids.ts';
import { isId } from '../../../core/ids.ts';
import type { Json } from '../../../core/json.ts';
import { listLimitDefault, whatIfTasksMax } from '../../../core/limits.ts';
import { ok, type Result } from '../../../core/result.ts';
import { timeText } from '../../../core/work/view.ts';
import { type ForkRow, markForkDeleted, markReady, noteEffects } from '../../directory/forks.ts';
import { compareSwarms } from '../../forks/compare.ts';
import { answer, asObject, type Call, callFork, callPast, callSwarm, done, refuse } from '../call.ts';
import { forkView, makeFork } from '../make-fork.ts';
import type { Refusal } from '../problems.ts';
import { idParam, type Route, route } from '../route.ts';
import { originSeen, type Seen, seenForks } from '../seen-forks.ts';
import { EffectsChange, Fork, ForkComparison, ForkWithKey, NewFork, NewWhatIf, WhatIfResult } from '../shapes/forks.ts';
import { page, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

const id = idParam('swm', 'fork_not_found');
const OF_THE_PAST = ['moment_ahead', 'moment_before_genesis', 'history_expired', 'history_damaged'] as const;
/** A comparison shows tasks, missions and accounts of two swarms [COMPARE-3]. */
const SHOWN = ['tasks:read', 'ledger:read'] as const;
/** The platform asks, for a caller whose key was looked at where it is known. */
const PLATFORM: Actor = { kind: 'system', id: 'forks' };

export const forkRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/forks',
    operationId: 'createFork',
    tag: 'Forks',
    summary: 'Fork the swarm at a moment',
    description:
      'A new swarm of the organization that begins with this one’s rows at that moment: its tasks, missions, devices, routes and balances. It has a journal and a key of its own, test credits, and acts nowhere outside until its effects are switched on. Keys, enrolments, triggers and webhooks do not come along. A large one is `filling` for a while, and answers 503 `swarm_filling` until it is `ready`.',
    scope: 'forks:write',
    body: NewFork,
    answers: { 201: { description: 'The fork, with its key.', body: ForkWithKey } },
    refuses: [...OF_THE_PAST, 'limit_reached', 'scope_exceeds_own', 'fork_not_found'],
    serve: ({ body }, call) => {
      const of = (body.of ?? call.caller.swarm) as SwarmId; // as the body was parsed
      return makeFork({ name: body.name, at: body.at ?? null, of }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/forks',
    operationId: 'listForks',
    tag: 'Forks',
    summary: 'List forks of this swarm, and of its forks, newest first',
    scope: 'forks:read',
    answers: { 200: { description: 'All of them.', body: listOf(Fork) } },
    serve: async (_, call) => {
      const seen = await seenForks(call);
      return seen.ok
        ? answer(200, { data: seen.value.forks.map(forkView), nextCursor: null })
        : refuse(seen.error, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/forks/{id}',
    operationId: 'getFork',
    tag: 'Forks',
    summary: 'Look at a fork',
    scope: 'forks:read',
    params: { id },
    answers: { 200: { description: 'The fork.', body: Fork } },
    refuses: ['fork_not_found'],
    serve: ({ params }, call) =>
      withFork(params.id, call, async (row) => answer(200, forkView(await refreshed(row, call)))),
  }),

  route({
    method: 'patch',
    path: '/v1/forks/{id}',
    operationId: 'changeFork',
    tag: 'Forks',
    summary: 'Switch the outward effects of a fork',
    description:
      'Off, nothing leaves the fork: no order for a device, no delivery to a webhook. What is not sent then is never sent: switched on, the fork acts from that moment on.',
    scope: 'forks:write',
    params: { id },
    body: EffectsChange,
    answers: { 200: { description: 'The fork.', body: Fork } },
    refuses: ['fork_not_found', 'swarm_filling', 'what_if_running'],
    serve: ({ params, body }, call) =>
      withFork(params.id, call, async (row) => {
        const { deps } = call;
        const switched = await callFork(
          row.id,
          (fork) => fork.switchEffects(actorIn(row.id, call), body.effects),
          deps,
        );
        if (!switched.ok) return refuse(switched.error, call);
        await noteEffects(row.id, switched.value, deps.directory);
        return answer(200, forkView({ ...row, effects: switched.value }));
      }),
  }),

  route({
    method: 'delete',
    path: '/v1/forks/{id}',
    operationId: 'deleteFork',
    tag: 'Forks',
    summary: 'Delete a fork: its journal, its rows and its key',
    scope: 'admin',
    params: { id },
    answers: { 204: { description: 'It is gone.', body: null } },
    refuses: ['fork_not_found'],
    serve: ({ params }, call) =>
      withFork(params.id, call, async (row) => {
        // The object first: cut off in between, the fork is still there to be deleted.
        await callFork(row.id, (fork) => fork.discardFork(), call.deps);
        await markForkDeleted(row.id, call.deps.directory);
        return done();
      }),
  }),

  route({
    method: 'get',
    path: '/v1/forks/{id}/compare',
    operationId: 'compareFork',
    tag: 'Forks',
    summary: 'Compare a fork with its parent, or with another fork: results, cost, time',
    description:
      'What had ended before the fork is the same in both and is not shown. Without `with` it is the parent, as it is now; after a what-if, as it was at the end of the record.',
    scope: 'forks:read',
    also: SHOWN,
    params: { id },
    query: page.extend({
      with: z
        .string()
        .refine((text) => isId('swm', text), 'expected the id of a swarm')
        .optional()
        .meta({ description: 'The swarm to compare with; the parent when left out.' }),
    }),
    answers: { 200: { description: 'The difference, newest task first.', body: ForkComparison } },
    refuses: [...OF_THE_PAST, 'fork_not_found', 'not_allowed', 'swarm_filling'],
    serve: ({ params, query }, call) =>
      withFork(params.id, call, async (row, seen) => {
        const other = (query.with ?? row.parent.swarm) as SwarmId; // as the query was parsed
        if ((await originSeen(other, seen, call)) === null)
          return refuse(other === row.parent.swarm ? NOT_THE_PARENT : { code: 'fork_not_found' }, call);
        const compared = await compareWith(row, other, pageOf(query), call);
        return compared.ok ? answer(200, plain(compared.value)) : refuse(compared.error, call);
      }),
  }),

  route({
    method: 'post',
    path: '/v1/forks/{id}/what-if',
    operationId: 'runWhatIf',
    tag: 'Forks',
    summary: 'Run the parent’s later tasks again in the fork, otherwise',
    description:
      'A simulation, once in a fork: what the parent was asked for after the fork point is asked for again, with other prices, routes or requirements, through the decisions of any task. The record stands in for whoever did it. Over the same route the outcome and the time are the recorded ones; over another one the result is, and the time is the route’s measured latency: such a task is `estimated`. A task whose end is not in the record is skipped.',
    scope: 'forks:write',
    also: SHOWN,
    params: { id },
    body: NewWhatIf,
    bodyOptional: true,
    answers: { 200: { description: 'What came of it, beside the record.', body: WhatIfResult } },
    refuses: [
      ...OF_THE_PAST,
      'range_reversed',
      'fork_not_found',
      'not_allowed',
      'swarm_filling',
      'effects_on',
      'what_if_done',
      'route_not_found',
    ],
    serve: ({ params, body }, call) =>
      withFork(params.id, call, async (row, seen) => {
        if ((await originSeen(row.parent.swarm, seen, call)) === null) return refuse(NOT_THE_PARENT, call);
        const until = await momentOf(row.parent.swarm, body.until ?? 'now', call);
        if (!until.ok) return refuse(until.error, call);
        if (until.value.seq < row.parent.seq) return refuse({ code: 'range_reversed' }, call);
        const wanted = {
          until: until.value,
          routes: body.routes ?? [],
          require: body.require ?? {},
          maxCreditsMicro: body.maxCreditsMicro ?? null,
          limit: body.limit ?? whatIfTasksMax,
        };
        const isOpenEnded = body.until === undefined;
        const ran = await runOnce(row, wanted, isOpenEnded, call);
        if (!ran.ok) return refuse(ran.error, call);
        const compared = await compareWith(row, row.parent.swarm, { limit: listLimitDefault, cursor: null }, call);
        if (!compared.ok) return refuse(compared.error, call);
        return answer(200, plain({ whatIf: whatIfView(ran.value), comparison: compared.value }));
      }),
  }),
];

const NOT_THE_PARENT: Refusal = {
  code: 'not_allowed',
  detail: 'This reads the parent: ask with a key of the parent.',
};

async function withFork(
  wanted: SwarmId,
  call: Call,
  work: (row: ForkRow, seen: Seen) => Promise<Response>,
): Promise<Response> {
  const seen = await seenForks(call);
  if (!seen.ok) return refuse(seen.error, call);
  const row = seen.value.forks.find(({ id }) => id === wanted);
  return row ? work(row, seen.value) : refuse({ code: 'fork_not_found' }, call);
}

/** Its object may have been filled since the row was written. */
async function refreshed(row: ForkRow, { deps }: Call): Promise<ForkRow> {
  if (row.status !== 'filling') return row;
  const asked = await callSwarm(row.id, true, (swarm) => swarm.read(PLATFORM, { type: 'status' }), deps);
  if (!asked.ok) return row;
  await markReady(row.id, deps.directory);
  return { ...row, status: 'ready' };
}

/** Who acts in a fork: its own caller as themselves, anyone else as whom the fork cannot know. */
function actorIn(fork: SwarmId, { caller }: Call): Actor {
  return caller.swarm === fork ? caller.actor : { kind: 'system', id: actorName(caller.actor) };
}

/** A moment as its seq and time, of a swarm that the caller may read. */
async function momentOf(swarm: SwarmId, at: At, { deps }: Call): Promise<Result<WhatIf['until'], Refusal>> {
  const found = await callPast(swarm, (past) => past.rows(swarm, at, BEHIND_ALL), deps);
  return found.ok ? ok({ seq: found.value.moment.seq, at: found.value.moment.at }) : found;
}
/** No row has a key behind this one. */
const BEHIND_ALL = '\uffff';

/** Runs it. One that was begun without an end, and is asked for again, goes on to the end that it had then. */
async function runOnce(
  row: ForkRow,
  wanted: Omit<WhatIf, 'ended'>,
  isOpenEnded: boolean,
  call: Call,
): Promise<Result<WhatIf, Refusal>> {
  const mark = await markOf(row.id, call);
  if (!mark.ok) return mark;
  const until = isOpenEnded ? (mark.value.whatIf?.until ?? wanted.until) : wanted.until;
  return callFork(row.id, (fork) => fork.runWhatIf(actorIn(row.id, call), { ...wanted, until }), call.deps);
}

async function markOf(id: SwarmId, { deps }: Call): Promise<Result<ForkMark, Refusal>> {
  const status = await callSwarm(id, true, (swarm) => swarm.read(PLATFORM, { type: 'status' }), deps);
  if (!status.ok) return status;
  const { fork } = asObject(status.value);
  assert(fork !== undefined, 'the object of a fork is one');
  return ok(fork as unknown as ForkMark); // of its own row
}

async function compareWith(
  row: ForkRow,
  other: SwarmId,
  asked: { readonly limit: number; readonly cursor: string | null },
  call: Call,
): Promise<Result<Comparison, Refusal>> {
  const mark = await markOf(row.id, call);
  if (!mark.ok) return mark;
  const { whatIf } = mark.value;
  // What the parent did after the record's end has nothing beside it.
  const there: At = other === row.parent.swarm && whatIf !== null ? { seq: whatIf.until.seq } : 'now';
  return compareSwarms({ swarm: row.id, at: 'now' }, { swarm: other, at: there }, row.parent, asked, {
    past: (id, work) => callPast(id, work, call.deps),
    giveWay(rows, chars) {
      const { tenant } = call.caller;
      call.deps.turns?.spent(tenant, rows, chars);
      return call.deps.turns?.next(tenant) ?? null;
    },
  });
}

function whatIfView({ until, ended }: WhatIf): object {
  assert(ended !== null, 'a what-if that was run has ended');
  return { until: { seq: until.seq, at: timeText(until.at) }, ...ended };
}

/** Views are data that JSON can say. */
function plain(value: object): Json {
  return value as unknown as Json;
}
