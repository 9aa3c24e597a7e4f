// Exports, brought in: each becomes a swarm that is read and never written to. The directory keeps its place, the object its
// journal; what is not whole leaves neither.

import { z } from 'zod';
import { actorName } from '../../../core/envelope.ts';
import type { SwarmId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { mintToken } from '../../../core/keys/token.ts';
import { importBytesMax } from '../../../core/limits.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { timeText } from '../../../core/work/view.ts';
import {
  findImport,
  forgetImport,
  type ImportedSwarm,
  listImports,
  markDeleted,
  type NewImport,
  reserveImport,
  sealImport,
} from '../../directory/imports.ts';
import { displayName } from '../../directory/sign-up.ts';
import { receiveExport } from '../../imports/receive.ts';
import { unpacked } from '../../imports/unpacked.ts';
import { answer, type Call, callSwarm, done, refuse } from '../call.ts';
import { edgeMade } from '../edge-made.ts';
import { refuseEncoding } from '../middleware/body.ts';
import type { Refusal } from '../problems.ts';
import { idParam, type Route, route } from '../route.ts';
import { asksForAll, NOT_OWN } from '../seen-forks.ts';
import { Import, ImportWithKey } from '../shapes/imports.ts';
import { listOf } from '../shapes/shape.ts';

const id = idParam('swm', 'import_not_found');
const contentType = 'application/x-ndjson';

const wanted = z.strictObject({
  name: displayName.optional().meta({ description: 'What the import is called; `import` when left out.' }),
  key: z
    .string()
    .regex(/^[\w-]{43}$/, 'expected a public key, base64url')
    .optional()
    .meta({ description: 'The swarm’s public key as you hold it: an export that is signed by another is refused.' }),
});

export const importRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/imports',
    operationId: 'importJournal',
    tag: 'Exports',
    summary: 'Bring an export in',
    description: `An NDJSON export, as it was written or packed with gzip, at most ${importBytesMax / 1024 ** 3} GiB unpacked. Every line is checked: form, order, chain, hash, and at the end the Merkle root that was signed. What comes of it is a swarm with the original’s journal to the last byte. It answers reads, past moments, proofs and exports, and takes no commands.`,
    scope: 'admin',
    query: wanted,
    streams: {
      contentType,
      example: '{"starling":"export","version":1,"origin":…,"checkpoint":{…}}\n{"specversion":"1.0",…}\n',
    },
    answers: { 201: { description: 'The import, with the key that opens it.', body: ImportWithKey } },
    refuses: [
      'not_allowed',
      'unsupported_media_type',
      'body_too_large',
      'body_too_slow',
      'body_incomplete',
      'import_invalid',
      'import_superseded',
      'import_not_found',
      'limit_reached',
      'storage_full',
    ],
    serve: async ({ query }, call) => {
      const own = await asksForAll(call);
      if (!own.ok) return refuse(own.error, call);
      if (!own.value) return refuse(NOT_OWN, call);
      const type = call.request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
      if (type !== contentType) {
        const detail = `Send the export as it was written, with Content-Type: ${contentType}.`;
        return refuse({ code: 'unsupported_media_type', detail }, call);
      }
      const packed = refuseEncoding(call.request, ['gzip']);
      if (packed) return refuse(packed, call);
      return bringIn(query.name ?? 'import', query.key ?? null, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/imports',
    operationId: 'listImports',
    tag: 'Exports',
    summary: 'List imports, newest first',
    scope: 'journal:read',
    answers: { 200: { description: 'All of them.', body: listOf(Import) } },
    serve: async (_, call) => {
      const own = await asksForAll(call);
      if (!own.ok) return refuse(own.error, call);
      const found = await listImports(call.caller.tenant, call.deps.directory);
      const seen = own.value ? found : found.filter(({ id }) => id === call.caller.swarm);
      return answer(200, { data: seen.map(view), nextCursor: null });
    },
  }),

  route({
    method: 'get',
    path: '/v1/imports/{id}',
    operationId: 'getImport',
    tag: 'Exports',
    summary: 'Look at an import',
    scope: 'journal:read',
    params: { id },
    answers: { 200: { description: 'The import.', body: Import } },
    refuses: ['import_not_found'],
    serve: async ({ params }, call) => {
      const found = await seenImport(params.id, call);
      return found.ok ? answer(200, view(found.value)) : refuse(found.error, call);
    },
  }),

  route({
    method: 'delete',
    path: '/v1/imports/{id}',
    operationId: 'deleteImport',
    tag: 'Exports',
    summary: 'Delete an import, and its key with it',
    scope: 'admin',
    params: { id },
    answers: { 204: { description: 'It is gone.', body: null } },
    refuses: ['import_not_found'],
    serve: async ({ params }, call) => {
      const found = await seenImport(params.id, call);
      if (!found.ok) return refuse(found.error, call);
      // The object first: cut off in between, the import is still there to be deleted.
      await callSwarm(found.value.id, true, (object) => object.discardImport(null), call.deps);
      await markDeleted(found.value.id, call.deps.directory);
      return done();
    },
  }),
];

/** An import that the caller may know of: any for those who ask for the organization, their own for whom an import's key opens. */
async function seenImport(id: SwarmId, call: Call): Promise<Result<ImportedSwarm, Refusal>> {
  const own = await asksForAll(call);
  if (!own.ok) return own;
  const { tenant, swarm } = call.caller;
  const isSeen = own.value || id === swarm;
  const found = isSeen ? await findImport(id, tenant, call.deps.directory) : null;
  return found ? ok(found) : err({ code: 'import_not_found' });
}

/** Brings the body in under ids that follow from the request, so that one sent again finds what the first one made. */
async function bringIn(name: string, heldKey: string | null, call: Call): Promise<Response> {
  const { caller, deps, command, request } = call;
  // A fork under the same Idempotency-Key is another swarm.
  const made = edgeMade({ ...command, id: `import:${command.id}` }, caller.swarm, deps);
  const place: NewImport = { id: made.id('swm'), tenant: caller.tenant, name, key: made.id('key') };
  const run = Buffer.from(deps.entropy(16)).toString('hex');
  const start = {
    id: place.id,
    tenant: place.tenant,
    name,
    // What the caller may: the import itself is only read, but a fork of it goes on with what its key allows.
    key: { id: place.key, scopes: caller.actor.scopes },
    by: actorName(caller.actor),
    run,
    heldKey,
  };
  const received = await receiveExport(unpacked(request.body, deps), start, {
    call: (work) => callSwarm(place.id, true, work, deps),
    reserve: () => reserveImport(place, deps.directory),
    async abandon() {
      // Only what this request has begun: another one may have brought it in before, or go on with it now.
      await callSwarm(place.id, true, (object) => object.discardImport(run), deps);
      await forgetImport(place.id, deps.directory);
    },
  });
  if (!received.ok) return refuse(received.error, call);
  call.frame.replayed = received.value.replayed;
  return shown(await sealImport(place, received.value.imported, deps.directory), place, call);
}

function shown(imported: ImportedSwarm, { id, tenant, key }: NewImport, { caller, deps }: Call): Response {
  const secret = mintToken('sk', { t: tenant, s: id, k: key, p: [...caller.actor.scopes] }, deps.tokenKey);
  return answer(201, { ...view(imported), apiKey: { id: key, secret } }, { location: `/v1/imports/${id}` });
}

function view({ key: _, createdAt, ...imported }: ImportedSwarm): JsonObject {
  return { ...imported, createdAt: timeText(createdAt) };
}
