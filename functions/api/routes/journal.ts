// The journal: read, followed live, proved. And what of telemetry could not be stored.

import { z } from 'zod';
import { journalPageMax, listLimitDefault } from '../../../core/limits.ts';
import { listDeadLetters, readDeadLetter } from '../../telemetry/dead-letters.ts';
import { answer, callSwarm, read, refuse, show } from '../call.ts';
import { type Route, route } from '../route.ts';
import { asksForAll, NOT_OWN } from '../seen-forks.ts';
import { Checkpoint, ConsistencyProof, DeadLetter, DeadLetterEntry, Event, InclusionProof } from '../shapes/journal.ts';
import { page, wholeNumber } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

const seqMax = Number.MAX_SAFE_INTEGER;
const seq = wholeNumber(1, seqMax, 'The number of an event; the first is 1.');
const size = wholeNumber(1, seqMax, 'How many events, from the first on; all when left out.').optional();

/** `Last-Event-ID` of a client that comes back: the last seq that it has seen. */
const lastEventId = /^(0|[1-9]\d{0,15})$/;

export const journalRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/journal',
    operationId: 'listEvents',
    tag: 'Journal',
    summary: 'Read events, oldest first',
    scope: 'journal:read',
    past: true,
    query: z.strictObject({
      from: seq.optional().meta({ description: 'The first event that is wanted; 1 when left out.' }),
      cursor: seq.optional().meta({ description: 'The `nextCursor` of the page before: the last seq on it.' }),
      limit: wholeNumber(1, journalPageMax, `Events on a page; ${listLimitDefault} when left out.`).optional(),
    }),
    answers: { 200: { description: 'A page of events, as CloudEvents 1.0.', body: listOf(Event) } },
    refuses: ['history_expired', 'history_damaged'],
    serve: async ({ query }, call) => {
      const { cursor, from = 1, limit = listLimitDefault } = query;
      return show({ type: 'journal', from: cursor === undefined ? from : cursor + 1, limit }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/journal/stream',
    operationId: 'followJournal',
    tag: 'Journal',
    summary: 'Follow the journal live',
    description:
      'Server-sent events: `id` is the seq, `event` the type, `data` the event as CloudEvents 1.0. A client that comes back with `Last-Event-ID` goes on after it; one that is ahead of the journal is `size_ahead`.',
    scope: 'journal:read',
    query: z.strictObject({ from: seq.optional().meta({ description: 'Where to begin; 1 when left out.' }) }),
    answers: {
      200: { description: 'The stream, for as long as you read.', body: { contentType: 'text/event-stream' } },
    },
    refuses: ['limit_reached', 'size_ahead', 'history_expired', 'history_damaged'],
    serve: async ({ query }, call) => {
      const { swarm, actor, until } = call.caller;
      const seen = call.request.headers.get('last-event-id');
      if (seen !== null && !lastEventId.test(seen)) {
        return refuse(
          { code: 'invalid_request', errors: [{ pointer: '', message: 'Last-Event-ID: expected a seq' }] },
          call,
        );
      }
      const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
      if (call.request.method === 'HEAD') {
        // Nobody would read the stream, and it would stay open.
        const inForce = await read({ type: 'status' }, call);
        return inForce.ok ? new Response(null, { headers }) : refuse(inForce.error, call);
      }
      const after = seen === null ? undefined : Number(seen);
      const from = after === undefined ? (query.from ?? 1) : after + 1;
      const followed = await callSwarm(swarm, true, (service) => service.follow(actor, from, after, until), call.deps);
      if (!followed.ok) return refuse(followed.error, call);
      // The bytes of the swarm's own stream: nothing stands between it and the client.
      return new Response(followed.value, { headers });
    },
  }),

  route({
    method: 'get',
    path: '/v1/journal/checkpoint',
    operationId: 'getCheckpoint',
    tag: 'Journal',
    summary: 'Get a signed checkpoint',
    description:
      'How long the journal is, its head and its Merkle root, signed by the swarm. Keep it: nobody can rewrite what it covers unnoticed. Of one size there is one checkpoint, given again whenever it is asked for.',
    scope: 'journal:read',
    query: z.strictObject({ size }),
    answers: { 200: { description: 'The checkpoint.', body: Checkpoint } },
    refuses: ['size_ahead', 'swarm_halted', 'signing_halted'],
    serve: ({ query }, call) => show({ type: 'checkpoint', size: query.size }, call),
  }),

  route({
    method: 'get',
    path: '/v1/journal/checkpoints',
    operationId: 'listCheckpoints',
    tag: 'Journal',
    summary: 'List the checkpoints that were signed',
    scope: 'journal:read',
    query: page,
    answers: { 200: { description: 'A page of checkpoints, longest journal first.', body: listOf(Checkpoint) } },
    serve: ({ query }, call) => {
      const { limit = listLimitDefault, cursor = null } = query;
      return show({ type: 'checkpoints', limit, cursor }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/journal/consistency',
    operationId: 'proveConsistency',
    tag: 'Journal',
    summary: 'Prove that the journal goes on from an earlier one',
    description:
      'For whoever holds a checkpoint: a few hashes show that the journal of `to` events begins with the `from` events that it covers, unchanged.',
    scope: 'journal:read',
    query: z.strictObject({
      from: wholeNumber(1, seqMax, 'The size of the checkpoint that you hold.'),
      to: wholeNumber(1, seqMax, 'The size to prove up to; all events when left out.').optional(),
    }),
    answers: {
      200: {
        description: 'The audit nodes (RFC 6962, section 2.1.2) and the signed checkpoint of `to`.',
        body: ConsistencyProof,
      },
    },
    refuses: ['size_ahead', 'sizes_reversed', 'swarm_halted', 'signing_halted'],
    serve: ({ query }, call) => show({ type: 'consistency', from: query.from, to: query.to }, call),
  }),

  route({
    method: 'get',
    path: '/v1/journal/proof',
    operationId: 'proveEvent',
    tag: 'Journal',
    summary: 'Prove that an event stands in the journal',
    scope: 'journal:read',
    query: z.strictObject({ seq, size }),
    answers: {
      200: { description: 'The event and its Merkle path (RFC 6962) to a signed checkpoint.', body: InclusionProof },
    },
    refuses: [
      'event_not_found',
      'size_ahead',
      'sizes_reversed',
      'swarm_halted',
      'signing_halted',
      'history_expired',
      'history_damaged',
    ],
    serve: ({ query }, call) => show({ type: 'proof', seq: query.seq, size: query.size }, call),
  }),

  route({
    method: 'get',
    path: '/v1/telemetry/dead-letters',
    operationId: 'listDeadLetters',
    tag: 'Telemetry',
    summary: 'List telemetry that could not be stored',
    scope: 'devices:read',
    query: page,
    answers: { 200: { description: 'A page of letters, oldest day first.', body: listOf(DeadLetterEntry) } },
    refuses: ['not_allowed'],
    serve: async ({ query }, call) => {
      // Letters lie outside the swarm, so the swarm is asked whether the key is in force.
      const own = await asksForAll(call);
      if (!own.ok) return refuse(own.error, call);
      if (!own.value) return refuse(NOT_OWN, call);
      const { limit = listLimitDefault, cursor = null } = query;
      const listed = await listDeadLetters(call.deps.archive, call.caller.tenant, { limit, cursor });
      if (listed.ok) return answer(200, { ...listed.value });
      return refuse(
        { code: 'invalid_request', errors: [{ pointer: '/cursor', message: 'expected a cursor of this list' }] },
        call,
      );
    },
  }),

  route({
    method: 'get',
    path: '/v1/telemetry/dead-letters/{id}',
    operationId: 'getDeadLetter',
    tag: 'Telemetry',
    summary: 'Look at telemetry that could not be stored',
    scope: 'devices:read',
    params: { id: { prefix: null, description: 'The id of a letter.', example: '2026-11-20_3f9a1c' } },
    answers: { 200: { description: 'The letter.', body: DeadLetter } },
    refuses: ['dead_letter_not_found', 'not_allowed'],
    serve: async ({ params }, call) => {
      const own = await asksForAll(call);
      if (!own.ok) return refuse(own.error, call);
      if (!own.value) return refuse(NOT_OWN, call);
      const letter = await readDeadLetter(call.deps.archive, call.caller.tenant, params.id);
      // A letter was JSON in the archive, and is JSON here.
      return letter.ok
        ? new Response(JSON.stringify(letter.value), { headers: { 'content-type': 'application/json' } })
        : refuse(letter.error, call);
    },
  }),
];
