// The tenant and the device of a local platform: made on the first start, found again on the next. Everything goes through the
// public API, as anybody's would.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { err, ok } from '../core/result.ts';
import { enrollment } from '../core/wire/enrollment.ts';
import { enrolDevice } from '../edge-node/src/enrolment.ts';
import { openHome } from '../edge-node/src/home.ts';
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
const DEVICE_DRAFT = 'device.draft.json';
export const localEmail = 'me@starling.localhost';

/** The local tenant, signed up when it is not there yet. Cut off half-way and repeated, it ends the same. */
export async function openLocalTenant(url: string, home: string): Promise<{ tenant: LocalTenant; isNew: boolean }> {
  const path = join(home, FILE);
  const draftPath = join(home, DRAFT);
  if (existsSync(path)) {
    // A start that was cut off between the two left it.
    rmSync(draftPath, { force: true });
    return { tenant: localTenant.parse(JSON.parse(readFileSync(path, 'utf8'))), isNew: false };
  }
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
  // What it may read is said first: a device that was enrolled and cut off before it knew would never know.
  openHome(deviceHome);
  writeSettings(deviceHome, deviceSettings.parse({ grants: localGrants(root) }));
  const draftPath = join(home, DEVICE_DRAFT);
  const kept = readDraft(draftPath, z.strictObject({ token: z.string() }));
  if (kept === null || !(await enrol(kept.token))) {
    const { token } = enrollment.parse(await call(url, '/v1/devices/enrollments', { body: {}, apiKey }));
    // The token is kept first: a start that was cut off repeats the same enrolment, and gets the same answer.
    writePrivate(draftPath, { token });
    if (!(await enrol(token))) throw new Error('this machine could not be enrolled');
  }
  rmSync(draftPath, { force: true });
  return deviceHome;

  /** False when the token is of no use any more. */
  async function enrol(token: string): Promise<boolean> {
    const enrolled = await enrolDevice({ home: deviceHome, token, name: hostname() }, async (body, idempotencyKey) => {
      try {
        return ok(await call(url, '/v1/devices/enroll', { body, idempotencyKey }));
      } catch (error) {
        if (error instanceof Refused && error.code.startsWith('enrollment_')) return err(error.code);
        throw error;
      }
    });
    return enrolled.ok;
  }
}

interface Call {
  readonly body?: unknown;
  readonly apiKey?: string;
  readonly idempotencyKey?: string;
  readonly prefer?: string;
}

/** What the API refused, by its code. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
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
    const code = problem.success ? problem.data.code : String(response.status);
    throw new Refused(code, `${path}: ${code} ${problem.data?.detail ?? ''}`);
  }
  return answer;
}

/** What a draft holds; null when there is none. Drafts are written whole. */
function readDraft<T>(path: string, shape: z.ZodType<T>): T | null {
  return existsSync(path) ? shape.parse(JSON.parse(readFileSync(path, 'utf8'))) : null;
}

function writePrivate(path: string, value: unknown): void {
  const draft = `${path}.new`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}
