// The archive: what of a swarm lies in object storage, moving events there now, and how long history is kept.

import { ARCHIVE_STATES } from '../../../core/wire/archive.ts';
import { answer, callSwarm, perform, refuse, show } from '../call.ts';
import { type Route, route } from '../route.ts';
import { Archived, ArchiveNow, Retention, Segment, SetRetention, Snapshot } from '../shapes/archive.ts';
import { pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

export const archiveRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/archive/segments',
    operationId: 'listSegments',
    tag: 'Archive',
    summary: 'List the segments of the journal that are in object storage',
    scope: 'journal:read',
    query: pageByState(ARCHIVE_STATES),
    answers: { 200: { description: 'A page of segments, newest first.', body: listOf(Segment) } },
    serve: ({ query }, call) => show({ type: 'segments', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'post',
    path: '/v1/archive/segments',
    operationId: 'archiveSegments',
    tag: 'Archive',
    summary: 'Move old events to the archive now',
    description:
      'The swarm does this by itself when it has many. Whole blocks of 256 events leave, at most 16 segments with one request. Asking again goes on where the last request ended; when there is nothing to move, nothing happens.',
    scope: 'admin',
    body: ArchiveNow,
    bodyOptional: true,
    answers: { 200: { description: 'What was moved.', body: Archived } },
    refuses: ['swarm_halted', 'swarm_sealed'],
    serve: async ({ body }, call) => {
      const { swarm, actor } = call.caller;
      const { keepEvents } = body;
      const archived = await callSwarm(swarm, true, (service) => service.archiveSegments(actor, keepEvents), call.deps);
      return archived.ok ? answer(200, archived.value) : refuse(archived.error, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/archive/snapshots',
    operationId: 'listSnapshots',
    tag: 'Archive',
    summary: 'List the snapshots of the swarm’s state',
    scope: 'journal:read',
    query: pageByState(ARCHIVE_STATES),
    answers: { 200: { description: 'A page of snapshots, newest first.', body: listOf(Snapshot) } },
    serve: ({ query }, call) => show({ type: 'snapshots', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'get',
    path: '/v1/archive/retention',
    operationId: 'getRetention',
    tag: 'Archive',
    summary: 'See how long history is kept',
    scope: 'journal:read',
    answers: { 200: { description: 'The retention, and how far the archive reaches.', body: Retention } },
    serve: (_, call) => show({ type: 'retention' }, call),
  }),

  route({
    method: 'put',
    path: '/v1/archive/retention',
    operationId: 'setRetention',
    tag: 'Archive',
    summary: 'Set how long history is kept',
    description:
      'What is older is deleted for good, a day later at the most. Checkpoints, and proofs of what is kept, go on to hold.',
    scope: 'admin',
    body: SetRetention,
    answers: { 200: { description: 'The retention as it is now.', body: Retention } },
    refuses: ['swarm_halted', 'swarm_sealed'],
    serve: ({ body }, call) => perform({ type: 'SetRetention', days: body.days }, { status: 200 }, call),
  }),
];
