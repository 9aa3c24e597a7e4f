// The tenant and the device of a local platform: made on the first start, found again on the next. Everything goes through the
// public API, as anybody's would.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ok, type Result } from '../core/result.ts';
import { enrollment } from '../core/wire/enrollment.ts';
import { enrolDevice } from '../edge-node/src/enrolment.ts';
import { readEnrolment, writeEnrolment } from '../edge-node/src/identity.ts';
import { deviceSettings, writeSettings } from '../edge-node/src/settings.ts';
import { localGrants } from './local-grants.ts';

/** Kept in `STARLING_HOME/local.json`, for its owner alone. */
const localTenant = z.strictObject({
  email: z.string(),
  password: z.string(),
  tenant: z.string(),
  swarm: z.string(),
  apiKey: z.string(),
});
export type LocalTenant = z.infer<typeof localTenant>;

/** What a sign-up answers, as far as it is needed here. */
const signedUp = z.object({
  tenant: z.object({ id: z.string() }),
  swarm: z.object({ id: z.string() }),
  apiKey: z.object({ id: z.string(), secret: z.string() }),
});

const FILE = 'local.json';
const DRAFT = 'local.draft.json';
export const localEmail = 'me@starling.localhost';

/** The local tenant, signed up when it is not there yet. Cut off half-way and repeated, it ends the same. */
export async function openLocalTenant(url: string, home: string): Promise<{ tenant: LocalTenant; isNew: boolean }> {
  const path = join(home, FILE);
  const draftPath = join(home, DRAFT);
  // The sign-up is over: what could repeat it goes, also what a start that was cut off, or an older version, has left.
  if (existsSync(path)) rmSync(draftPath, { force: true });
  if (existsSync(path)) return { tenant: localTenant.parse(JSON.parse(readFileSync(path, 'utf8'))), isNew: false };
  // The password and the key of the request are kept first: a start that was cut off repeats the same request.
  if (!existsSync(draftPath))
    writePrivate(draftPath, {
      password: randomBytes(18).toString('base64url'),
      key: randomBytes(18).toString('base64url'),
    });
  const draft = z
    .strictObject({ password: z.string(), key: z.string() })
    .parse(JSON.parse(readFileSync(draftPath, 'utf8')));
  const body = { email: localEmail, password: draft.password, organization: 'Local' };
  const made = signedUp.parse(await call(url, '/v1/signup', { body, idempotencyKey: draft.key }));
  const tenant: LocalTenant = {
    email: localEmail,
    password: draft.password,
    tenant: made.tenant.id,
    swarm: made.swarm.id,
    apiKey: made.apiKey.secret,
  };
  writePrivate(path, tenant);
  rmSync(draftPath, { force: true });
  return { tenant, isNew: true };
}

/** Enrols this machine as a device that may read what `root` is made of, if it is not enrolled yet. Answers with the device's home. */
export async function openLocalDevice(url: string, home: string, root: string, apiKey: string): Promise<string> {
  const deviceHome = join(home, 'device');
  const known = readEnrolment(deviceHome);
  if (known !== null) {
    // The port may be another one this time.
    writeEnrolment(deviceHome, { ...known, connectUrl: `${url.replace(/^http/, 'ws')}/v1/devices/connect` });
    return deviceHome;
  }
  const opened = enrollment.parse(await call(url, '/v1/devices/enrollments', { body: {}, apiKey }));
  const enrolled = await enrolDevice(
    { home: deviceHome, token: opened.token, name: hostname() },
    async (body, idempotencyKey): Promise<Result<unknown, never>> =>
      ok(await call(url, '/v1/devices/enroll', { body, idempotencyKey })),
  );
  if (!enrolled.ok) throw new Error(`this machine could not be enrolled: ${enrolled.error.code}`);
  writeSettings(deviceHome, deviceSettings.parse({ grants: localGrants(root) }));
  return deviceHome;
}

interface Call {
  readonly body?: unknown;
  readonly apiKey?: string;
  readonly idempotencyKey?: string;
  readonly prefer?: string;
}

/** Calls the API; a problem is thrown with its code and detail. */
export async function call(
  url: string,
  path: string,
  { body, apiKey, idempotencyKey, prefer }: Call,
): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      ...(prefer === undefined ? {} : { prefer }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const answer: unknown = await response.json();
  if (!response.ok) {
    const problem = z.object({ code: z.string(), detail: z.string().optional() }).safeParse(answer);
    throw new Error(
      `${path}: ${problem.success ? `${problem.data.code} ${problem.data.detail ?? ''}` : response.status}`,
    );
  }
  return answer;
}

function writePrivate(path: string, value: unknown): void {
  const draft = `${path}.new`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}
