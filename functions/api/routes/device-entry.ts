// How a device comes in: a member makes a token, the device enrols its own key with it, once, and from then on connects to its
// squad with a credential that is checked here alone.

import { z } from 'zod';
import { publicKeyFromDid, verifyByDid } from '../../../core/devices/did.ts';
import { UPGRADE_HEADERS } from '../../../core/devices/port.ts';
import { canonical, type JsonObject } from '../../../core/json.ts';
import { mintToken, readToken } from '../../../core/keys/token.ts';
import { SUBPROTOCOL } from '../../../core/wire/device.ts';
import type { enrollDevice } from '../../../core/wire/enrollment.ts';
import { device } from '../../../core/wire/resources.ts';
import { idOf } from '../../../core/wire/terms.ts';
import { timeText } from '../../../core/work/view.ts';
import { answer, type Call, callSwarm, noteReplay, type OpenCall, perform, refuse } from '../call.ts';
import { bearerOf } from '../middleware/authenticate.ts';
import type { Refusal } from '../problems.ts';
import { openRoute, type Route, route } from '../route.ts';
import { DeviceEnrollment, EnrolledDevice, Enrollment, NewEnrollment } from '../shapes/devices.ts';
import { take, takeByAddress } from '../take.ts';

/** From outside, headers of this name are a lie, and taken off. */
const OWN_HEADERS = 'x-starling-';

export const deviceEntryRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/devices/enrollments',
    operationId: 'openEnrollment',
    tag: 'Devices',
    summary: 'Make an enrolment token',
    description: 'Good for one device and for one hour.',
    scope: 'devices:write',
    body: NewEnrollment,
    bodyOptional: true,
    answers: { 201: { description: 'The token.', body: Enrollment } },
    refuses: ['limit_reached'],
    serve: ({ body }, call) =>
      perform({ type: 'OpenEnrollment', ...body }, { status: 201, make: (made) => enrollmentOf(made, call) }, call),
  }),

  openRoute({
    method: 'post',
    path: '/v1/devices/enroll',
    operationId: 'enrollDevice',
    tag: 'Devices',
    summary: 'Enrol a device',
    description:
      'Authorised by the enrolment token and by `proof`: the signature of the device’s own key over the canonical JSON of `{ did, purpose: "starling.enroll", token }`. The same device that asks again with the same token gets the same answer.',
    body: DeviceEnrollment,
    answers: { 200: { description: 'The lasting credential of the device.', body: EnrolledDevice } },
    refuses: [
      'enrollment_token_invalid',
      'proof_invalid',
      'enrollment_not_found',
      'enrollment_used',
      'enrollment_expired',
      'device_already_enrolled',
      'idempotency_key_reused',
    ],
    limited: 'by-route',
    serve: ({ body }, call) => enroll(body, call),
  }),

  openRoute({
    method: 'get',
    path: '/v1/devices/connect',
    operationId: 'connectDevice',
    tag: 'Devices',
    summary: 'Connect a device by WebSocket',
    description: `Subprotocol \`${SUBPROTOCOL}\`, authorised by the device’s credential. See the device protocol.`,
    answers: { 101: { description: 'The socket, on which the squad sends its challenge.', body: null } },
    refuses: [
      'unauthenticated',
      'upgrade_required',
      'subprotocol_unsupported',
      'too_many_connections',
      'squad_full',
      'unavailable',
    ],
    limited: 'by-route',
    raw: true,
    serve: (_, call) => connect(call),
  }),
];

/** The token that a member hands to a device. */
function enrollmentOf({ view }: { readonly view: JsonObject }, call: Call): JsonObject {
  const { tenant, swarm } = call.caller;
  const { id, expiresAt } = enrollmentView.parse(view);
  const token = mintToken('ent', { t: tenant, s: swarm, e: id }, call.deps.tokenKey);
  return { id, token, expiresAt: timeText(expiresAt) };
}

/** What the swarm shows of an enrolment: its time in milliseconds since the epoch. */
const enrollmentView = z.object({ id: idOf('enr'), expiresAt: z.number().int() });

/** The token says which swarm; the proof says that whoever sends it holds the key; the swarm says whether it may. */
async function enroll(body: z.output<typeof enrollDevice>, call: OpenCall): Promise<Response> {
  const { deps, frame } = call;
  const { token, did, proof, name } = body;
  const read = readToken('ent', token, deps.tokenKey);
  if (!read.ok) return refuse(takeByAddress(call) ?? { code: 'enrollment_token_invalid' }, call);
  // A thousand devices may come from one address: with a token of ours they count by their swarm.
  const overdrawn = take('caller', `enroll/${read.value.s}`, call);
  if (overdrawn) return refuse(overdrawn, call);
  if (
    publicKeyFromDid(did) === null ||
    !verifyByDid(did, canonical({ did, purpose: 'starling.enroll', token }), proof)
  ) {
    return refuse({ code: 'proof_invalid' }, call);
  }
  const { t, s, e } = read.value;
  const executed = await callSwarm(
    s,
    true,
    (swarm) =>
      swarm.execute({
        // A device that did not hear the answer asks again with the same token and key, and gets the same one.
        id: `enroll:${e}:${did}`,
        remember: true,
        actor: { kind: 'system', id: 'enrollment' },
        trace: frame.trace,
        command: { type: 'EnrollDevice', enrollment: e, did, name },
      }),
    deps,
  );
  noteReplay(executed, frame);
  const { result } = executed;
  if (!result.ok) return refuse(result.error, call);
  const { id, squad } = device.parse(result.value.view);
  const credential = mintToken('dvc', { t, s, d: id, q: squad }, deps.tokenKey);
  const connectUrl = `${deps.baseUrl.replace(/^http/, 'ws')}/v1/devices/connect`;
  return answer(200, { device: id, tenant: t, swarm: s, credential, connectUrl });
}

/** Hands the upgrade to the squad, with what the credential says. The squad proves the rest by challenge. */
async function connect(call: OpenCall): Promise<Response> {
  const { deps, request } = call;
  const credential = bearerOf(request.headers.get('authorization') ?? '') ?? '';
  const read = readToken('dvc', credential, deps.tokenKey);
  if (!read.ok) {
    const refusal = { code: 'unauthenticated', detail: 'Send the credential of the device.' } as const;
    return refuse(takeByAddress(call) ?? refusal, call);
  }
  // Checked before the squad is woken.
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return refuse({ code: 'upgrade_required' }, call);
  const { t, s, d, q } = read.value;
  const headers = new Headers(request.headers);
  for (const [name] of request.headers) if (name.startsWith(OWN_HEADERS)) headers.delete(name);
  headers.delete('authorization');
  headers.delete('cookie');
  // Compression would cost each silent socket some 240 KiB.
  headers.delete('sec-websocket-extensions');
  headers.set(UPGRADE_HEADERS.tenant, t);
  headers.set(UPGRADE_HEADERS.swarm, s);
  headers.set(UPGRADE_HEADERS.device, d);
  headers.set(UPGRADE_HEADERS.audience, new URL(request.url).host);
  const answered = await deps.squadFetch(s, q, new Request(request, { headers }));
  return answered.status === 101 ? answered : refuse(await refusalOf(answered), call);
}

/** Why the squad opens no socket. Its own answer says no more than that, and its headers are not ours to add to. */
async function refusalOf(answered: Response): Promise<Refusal> {
  const said = squadProblem.safeParse(await answered.json().catch(() => null));
  if (!said.success) return { code: 'unavailable' };
  const { code, detail } = said.data;
  const seconds = Number(answered.headers.get('retry-after') ?? Number.NaN);
  return { code, detail, ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}) };
}

/** The refusals of a squad that a device can act on (durable-objects/squad/upgrade.ts). */
const squadProblem = z.object({
  code: z.enum(['upgrade_required', 'subprotocol_unsupported', 'too_many_connections', 'squad_full']),
  detail: z.string(),
});
