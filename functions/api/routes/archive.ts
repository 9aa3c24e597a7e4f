// The archive: what of a swarm lies in object storage, moving events there now, and how long history is kept.

import { sha256Bytes } from '../../../core/hash.ts';
import { ARCHIVE_STATES, type SegmentView } from '../../../core/wire/archive.ts';
import { answer, type Call, callSwarm, perform, read, refuse, show } from '../call.ts';
import { type Route, route } from '../route.ts';
import { Archived, ArchiveNow, Manifest, Retention, Segment, SetRetention, Snapshot } from '../shapes/archive.ts';
import { pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

const PARQUET = 'application/vnd.apache.parquet';

/** Where a swarm's own archive lies. */
function folderOf({ caller }: Call): string {
  return `journal/${caller.tenant}/${caller.swarm}/`;
}

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
    path: '/v1/archive/segments/{id}/file',
    operationId: 'getSegmentFile',
    tag: 'Archive',
    summary: 'Download a segment as Parquet',
    description: 'The file as it lies in object storage, one row an event. It is checked against its hash first.',
    scope: 'journal:read',
    params: { id: { prefix: null, description: 'The id of a segment.', example: '0000000000000001' } },
    answers: { 200: { description: 'The file.', body: { contentType: PARQUET } } },
    refuses: ['segment_not_found', 'history_expired', 'history_damaged'],
    serve: async ({ params }, call) => {
      const found = await read({ type: 'segment', id: params.id }, call);
      if (!found.ok) return refuse(found.error, call);
      const { state, key, sha256, from, to } = found.value as unknown as SegmentView; // as it was asked for
      // An imported journal tells of its original's archive, which is not for whoever reads the copy.
      if (!key.startsWith(folderOf(call))) return refuse({ code: 'segment_not_found' }, call);
      if (state !== 'kept') return refuse({ code: 'history_expired', from, to }, call);
      const bytes = await call.deps.archive.get(key);
      if (bytes === null || Buffer.from(sha256Bytes(bytes)).toString('hex') !== sha256) {
        return refuse({ code: 'history_damaged', segment: params.id, from, to }, call);
      }
      const name = key.slice(key.lastIndexOf('/') + 1);
      const headers = { 'content-type': PARQUET, 'content-disposition': `attachment; filename="${name}"` };
      return new Response(new Uint8Array(bytes), { headers });
    },
  }),

  route({
    method: 'get',
    path: '/v1/archive/manifest',
    operationId: 'getManifest',
    tag: 'Archive',
    summary: 'Get the manifest of the archive',
    description:
      'Every segment that is kept, and the signed checkpoint of the last event in them: with the files beside it, it proves itself.',
    scope: 'journal:read',
    answers: { 200: { description: 'The manifest.', body: Manifest } },
    refuses: ['manifest_not_found'],
    serve: async (_, call) => {
      // It lies outside the swarm, so the swarm is asked whether the key is in force.
      const inForce = await read({ type: 'status' }, call);
      if (!inForce.ok) return refuse(inForce.error, call);
      const bytes = await call.deps.archive.get(`${folderOf(call)}manifest.json`);
      if (bytes === null) return refuse({ code: 'manifest_not_found' }, call);
      return new Response(new Uint8Array(bytes), { headers: { 'content-type': 'application/json' } });
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
