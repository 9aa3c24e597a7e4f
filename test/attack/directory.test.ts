// Somebody with a little wants more: a key with one scope, a member of a low role, one who was removed, a token from somewhere
// else, a stranger who asks who is here.

import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { ROLE_SCOPES, ROLES, type Role, SCOPES, type Scope } from '../../core/keys/scopes.ts';
import { openLocalTenant } from '../../local/local-tenant.ts';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { cookieOf, type Organization, send, signUp, told, url } from '../conformance/client.ts';
import { asked, nobodysId, type Operation, scopedOperations } from '../conformance/operations.ts';
import { isWhole, sized } from './whole.ts';

let operations: readonly Operation[];
let us: Organization;
let home: string;
let other: Platform;

beforeAll(async () => {
  [us, operations] = await Promise.all([signUp('Directory'), scopedOperations()]);
  home = mkdtempSync(join(tmpdir(), 'starling-other-'));
  other = await startPlatform({ home, port: 0 });
}, 60_000);
afterAll(async () => {
  await other.dispose();
  rmSync(home, { recursive: true, force: true });
});

/** Who a person is in a request: the session cookie, and our own page. */
const asPerson = ({ cookie }: Pick<Organization, 'cookie'>) => ({ headers: { cookie, origin: url } });

async function keyOf(org: Organization, scopes: readonly string[]): Promise<{ id: string; secret: string }> {
  const made = await send('POST', '/v1/keys', { key: org.key, json: { name: 'a key', scopes } });
  expect(made.status, made.text).toBe(201);
  return made.json;
}

async function invite(org: Organization, email: string, role: Role): Promise<string> {
  const made = await send('POST', '/v1/invitations', { ...asPerson(org), json: { email, role } });
  expect(made.status, made.text).toBe(201);
  return made.json.token;
}

interface Member {
  readonly id: string;
  readonly email: string;
  /** A session token. */
  readonly token: string;
  readonly cookie: string;
}

async function memberOf(org: Organization, role: Role): Promise<Member> {
  const email = `${randomUUID()}@example.com`;
  const token = await invite(org, email, role);
  const joined = await send('POST', '/v1/invitations/join', { json: { token, password: `pass ${randomUUID()}` } });
  expect(joined.status, joined.text).toBe(201);
  return { id: joined.json.user.id, email, token: joined.json.token, cookie: cookieOf(joined.headers) };
}

const holds = (scopes: readonly Scope[], scope: string) =>
  scopes.includes('admin') || scopes.some((each) => each === scope);
const holdsRole = (scopes: readonly Scope[], role: Role) => ROLE_SCOPES[role].every((scope) => holds(scopes, scope));

test('[P13] every route, every scope, every role: what is answered follows from the scope that is documented', async () => {
  const them = await signUp('Table');
  const callers: { name: string; scopes: readonly Scope[]; key: string }[] = [];
  for (const role of ROLES) {
    const { token } = await memberOf(them, role);
    callers.push({ name: `role ${role}`, scopes: ROLE_SCOPES[role], key: token });
  }
  for (const scope of SCOPES)
    callers.push({ name: `scope ${scope}`, scopes: [scope], key: (await keyOf(them, [scope])).secret });
  for (const { name, scopes, key } of callers)
    for (const operation of operations) {
      const { scope, also, operationId, method } = operation;
      const missing = [scope, ...also].find((each) => each !== null && !holds(scopes, each));
      const may = missing === undefined;
      // It would go on; and what a person alone may do is no question of scopes.
      if (may && (operation.isEndless || scope === null)) continue;
      const answer = await send(method, asked(operation, nobodysId(operation)), { key, ...operation.sent });
      const about = `${name} ${operationId} ${told(answer)[1]}`;
      expect(answer.status, about).toBeLessThan(500);
      expect(answer.json?.code === 'scope_missing', about).toBe(!may);
      if (!may) expect([answer.status, answer.json.scope], about).toEqual([403, missing]);
    }
});

/** What the keys in an answer may do. */
function scopesIn(text: string): readonly Scope[] {
  return [...text.matchAll(/sk_([\w-]+)\.[\w-]+/g)].flatMap(
    ([, payload = '']) => JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')).p,
  );
}

test('[DIRECTORY-39] [KEY-1] [KEY-8] [KEY-9] [COMPARE-3] no sequence of calls lets a key do what it has no scope for', async () => {
  const them = await signUp('Sequences');
  const strong = await keyOf(them, ['admin']);
  const people: Readonly<Record<Role, Member>> = {
    owner: await memberOf(them, 'owner'),
    admin: await memberOf(them, 'admin'),
    operator: await memberOf(them, 'operator'),
    viewer: await memberOf(them, 'viewer'),
  };
  const roleNow = async (id: string) =>
    (await send('GET', '/v1/members', { key: them.key })).json.data.find((each: { id: string }) => each.id === id)
      ?.role;
  const sets: (readonly Scope[])[] = [
    ...SCOPES.map((scope) => [scope]),
    [...ROLE_SCOPES.viewer, 'members:write', 'keys:write'],
    [...ROLE_SCOPES.operator, 'members:write', 'keys:write'],
    SCOPES.filter((scope) => scope !== 'admin'),
  ];
  for (const scopes of sets) {
    const { secret: key, id } = await keyOf(them, scopes);
    const about = scopes.join(' ');
    const answers: string[] = [];
    const ask = async (method: string, path: string, json?: unknown) => {
      const answer = await send(method, path, { key, ...(json === undefined ? {} : { json }) });
      expect(answer.status, `${about} ${method} ${path}`).toBeLessThan(500);
      answers.push(answer.text);
      return answer;
    };
    // What makes keys.
    for (const scope of SCOPES) await ask('POST', '/v1/keys', { name: 'more', scopes: [scope] });
    for (const each of [strong.id, them.keyId, id])
      await ask('POST', `/v1/keys/${each}/rotate`, { graceSeconds: 3_600 });
    const forked = await ask('POST', '/v1/forks', { name: 'f' });
    if (forked.status === 201) {
      await send('POST', '/v1/keys', { key: forked.json.apiKey.secret, json: { name: 'x', scopes: ['admin'] } }).then(
        ({ text }) => answers.push(text),
      );
      await ask('DELETE', `/v1/forks/${forked.json.id}`);
    }
    for (const scope of scopesIn(answers.join())) expect(holds(scopes, scope), `${about} got ${scope}`).toBe(true);
    // What takes keys away.
    const mayRevoke = holds(scopes, 'keys:write');
    for (const scope of SCOPES) {
      const victim = await keyOf(them, [scope]);
      const revoked = await ask('POST', `/v1/keys/${victim.id}/revoke`);
      const may = mayRevoke && holds(scopes, scope);
      expect(told(revoked), `${about} revokes ${scope}`).toEqual(
        may ? [200, undefined] : [403, mayRevoke ? 'scope_exceeds_own' : 'scope_missing'],
      );
      const [newest] = (await send('GET', '/v1/keys?limit=1', { key: them.key })).json.data;
      expect(newest, about).toMatchObject({ id: victim.id, state: may ? 'revoked' : 'active' });
      if (!may) await send('POST', `/v1/keys/${victim.id}/revoke`, { key: them.key });
    }
    // What reads the tasks and the books of another swarm than the caller's.
    const other = await send('POST', '/v1/forks', { key: them.key, json: { name: 'of others' } });
    const compared = await ask('GET', `/v1/forks/${other.json.id}/compare`);
    const reads = ['forks:read', 'tasks:read', 'ledger:read'].every((scope) => holds(scopes, scope));
    expect(compared.status === 200, `${about} compares`).toBe(reads);
    const simulated = await ask('POST', `/v1/forks/${other.json.id}/what-if`, {});
    const simulates = ['forks:write', 'tasks:read', 'ledger:read'].every((scope) => holds(scopes, scope));
    expect(simulated.status === 200, `${about} asks what if`).toBe(simulates);
    await send('DELETE', `/v1/forks/${other.json.id}`, { key: them.key });
    // What goes on to do what another scope allows.
    const task = { operation: 'swarm.echo', input: {} };
    const trigger = await ask('POST', '/v1/triggers', { name: 't', preset: 'github', task });
    expect(trigger.status === 201, `${about} starts tasks by a trigger`).toBe(
      holds(scopes, 'webhooks:write') && holds(scopes, 'tasks:write'),
    );
    const webhook = await ask('POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['task.*'] });
    expect(webhook.status === 201, `${about} is told events by a webhook`).toBe(
      holds(scopes, 'webhooks:write') && holds(scopes, 'journal:read'),
    );
    // What makes members.
    const mayInvite = holds(scopes, 'members:write');
    for (const role of ROLES) {
      const invited = await ask('POST', '/v1/invitations', { email: `${randomUUID()}@example.com`, role });
      const may = mayInvite && role !== 'owner' && holdsRole(scopes, role);
      expect(invited.status, `${about} invites ${role}`).toBe(may ? 201 : 403);
      expect(invited.json.token, `${about} is told the token`).toBeUndefined();
      for (const was of ROLES) {
        const moved = await ask('PATCH', `/v1/members/${people[was].id}`, { role });
        const mayMove = may && was !== 'owner' && holdsRole(scopes, was);
        expect(moved.status, `${about} makes ${was} ${role}`).toBe(mayMove ? 200 : 403);
        expect(await roleNow(people[was].id)).toBe(mayMove ? role : was);
        if (mayMove) await send('PATCH', `/v1/members/${people[was].id}`, { key: them.key, json: { role: was } });
      }
      if (role === 'owner' || !holdsRole(scopes, role) || !mayInvite) {
        const removed = await ask('DELETE', `/v1/members/${people[role].id}`);
        expect(removed.status, `${about} removes ${role}`).toBe(403);
      }
    }
    const session = await ask('POST', '/v1/invitations/accept', { token: 'x' });
    expect(session.json.code).toBe('session_required');
  }
}, 240_000);

test('[DIRECTORY-41] [DIRECTORY-46] an invitation of somebody who was demoted, removed or whose key was revoked takes nobody in', async () => {
  const them = await signUp('Open invitations');
  const join = (token: string) =>
    send('POST', '/v1/invitations/join', { json: { token, password: `pass ${randomUUID()}` } });
  const invitee = () => ({ email: `${randomUUID()}@example.com`, role: 'admin' });
  for (const end of ['removed', 'demoted'] as const) {
    const admin = await memberOf(them, 'admin');
    const made = await send('POST', '/v1/invitations', { ...asPerson(admin), json: invitee() });
    const kept = await send('POST', '/v1/invitations', { key: admin.token, json: invitee() });
    const path = `/v1/members/${admin.id}`;
    const ended =
      end === 'removed'
        ? await send('DELETE', path, { key: them.key })
        : await send('PATCH', path, { key: them.key, json: { role: 'operator' } });
    expect(ended.status).toBeLessThan(300);
    for (const { json } of [made, kept]) expect(told(await join(json.token)), end).toEqual([404, 'invitation_invalid']);
    // The session token lives on for minutes; the directory asks who they are now.
    const refused = [403, end === 'removed' ? 'not_allowed' : 'scope_missing'];
    expect(told(await send('POST', '/v1/invitations', { key: admin.token, json: invitee() }))).toEqual(refused);
    // And nothing that would outlive the token [DIRECTORY-46].
    for (const [path, json] of [
      ['/v1/keys', { name: 'stays', scopes: ['admin'] }],
      ['/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['*'] }],
      ...(end === 'removed'
        ? ([
            ['/v1/forks', { name: 'stays' }],
            ['/v1/devices/enrollments', {}],
          ] as const)
        : []),
    ] as const) {
      const answer = await send('POST', path, { key: admin.token, json });
      if (end === 'removed' || path === '/v1/keys') expect(told(answer), path).toEqual(refused);
    }
  }
  expect((await send('GET', '/v1/members', { key: them.key })).json.data).toHaveLength(2);
});

test('[DIRECTORY-43] what one deployment gave out opens nothing at another', async () => {
  const there = (path: string) => `${other.url}${path}`;
  const stranger = await send('POST', there('/v1/signup'), {
    json: { email: us.email, password: us.password, organization: 'Same person' },
  });
  expect(stranger.status).toBe(201);
  const login = await send('POST', '/v1/login', { json: { email: us.email, password: us.password } });
  for (const key of [us.key, login.json.token]) {
    expect((await send('GET', '/v1/tasks', { key })).status).toBe(200);
    expect(told(await send('GET', there('/v1/tasks'), { key }))).toEqual([401, 'unauthenticated']);
    expect(told(await send('GET', there('/v1/members'), { key }))).toEqual([401, 'unauthenticated']);
  }
  // A token of one name says nothing at another of the same platform: it says for which it was made.
  const otherName = url.replace('localhost', '127.0.0.1');
  expect((await send('GET', `${otherName}/v1/tasks`, { key: us.key })).status).toBe(200);
  expect(told(await send('GET', `${otherName}/v1/tasks`, { key: login.json.token }))).toEqual([401, 'unauthenticated']);

  const session = await send('GET', there('/v1/session'), { headers: { cookie: us.cookie } });
  expect(told(session)).toEqual([401, 'unauthenticated']);

  const enrolment = (await send('POST', '/v1/devices/enrollments', { key: us.key, json: {} })).json.token;
  const pair: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const said = JSON.stringify({ did, purpose: 'starling.enroll', token: enrolment });
  const proof = sign(null, Buffer.from(said), pair.privateKey).toString('base64url');
  const json = { token: enrolment, did, proof, name: 'a device' };
  expect(told(await send('POST', there('/v1/devices/enroll'), { json }))).toEqual([401, 'enrollment_token_invalid']);
  const { credential } = (await send('POST', '/v1/devices/enroll', { json })).json;
  const connecting = await send('GET', there('/v1/devices/connect'), { key: credential });
  expect(told(connecting)).toEqual([401, 'unauthenticated']);
  expect(told(await send('GET', '/v1/devices/connect', { key: credential }))).toEqual([426, 'upgrade_required']);

  const trigger = await send('POST', '/v1/triggers', {
    key: us.key,
    json: { name: 't', preset: 'github', task: { operation: 'swarm.echo', input: {} } },
  });
  const { pathname } = new URL(trigger.json.url);
  expect(told(await send('POST', there(pathname), { body: '{}' }))).toEqual([404, 'trigger_not_found']);
  expect(told(await send('POST', pathname, { body: '{}' }))).toEqual([401, 'signature_missing']);

  const token = await invite(us, `${randomUUID()}@example.com`, 'viewer');
  const joined = await send('POST', there('/v1/invitations/join'), { json: { token, password: 'a long pass phrase' } });
  expect(told(joined)).toEqual([404, 'invitation_invalid']);
});

test('[DIRECTORY-42] the time of a reset does not tell who is here', async () => {
  const each = sized(12, 100);
  const known: string[] = [];
  for (let n = 0; n < each; n++) known.push((await signUp('Timing')).email);
  const probes = [...known.map((email) => ({ email, isKnown: true })), ...known.map(() => unknownProbe())];
  // One question for each address, in an order that says nothing: the machine is as slow for the one as for the other.
  probes.sort(() => Math.random() - 0.5);
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
  const texts = new Set<string>();
  for (const { email, isKnown } of probes) {
    const start = performance.now();
    const answer = await send('POST', '/api/auth/request-password-reset', { json: { email } });
    times[isKnown ? 'known' : 'unknown'].push(performance.now() - start);
    texts.add(`${answer.status} ${answer.text}`);
    // What comes after an answer must not be counted with the next one.
    await send('GET', '/v1/tasks?limit=1', { key: us.key });
  }
  expect(texts.size).toBe(1);
  const { known: here, unknown: nowhere } = times;
  const told = chanceOf(here, nowhere);
  process.stdout.write(
    `reset: known ${median(here).toFixed(2)} ms, unknown ${median(nowhere).toFixed(2)} ms, chance ${told.toFixed(4)}\n`,
  );
  // A permutation test of the medians: were the two alike, so great a difference comes once in a thousand runs.
  expect(told).toBeGreaterThan(0.001);
}, 300_000);

function unknownProbe() {
  return { email: `${randomUUID()}@example.com`, isKnown: false };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** How often a random split of all values has medians as far apart as these two. */
function chanceOf(a: readonly number[], b: readonly number[]): number {
  const rounds = 5_000;
  const seen = Math.abs(median(a) - median(b));
  const all = [...a, ...b];
  let asFar = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = all.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [all[i], all[j]] = [all[j] ?? 0, all[i] ?? 0];
    }
    if (Math.abs(median(all.slice(0, a.length)) - median(all.slice(a.length))) >= seen) asFar++;
  }
  return (asFar + 1) / (rounds + 1);
}

test('[DIRECTORY-44] the draft of the local sign-up ends with it, also one that was left behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-draft-'));
  try {
    const { tenant, isNew } = await openLocalTenant(other.url, folder);
    expect(isNew).toBe(true);
    const draft = join(folder, 'local.draft.json');
    expect(existsSync(draft)).toBe(false);
    expect(statSync(join(folder, 'local.json')).mode & 0o077).toBe(0);
    writeFileSync(draft, JSON.stringify({ password: tenant.password, key: 'left behind' }));
    expect(await openLocalTenant(other.url, folder)).toEqual({ tenant, isNew: false });
    expect(existsSync(draft)).toBe(false);
    expect(JSON.parse(readFileSync(join(folder, 'local.json'), 'utf8'))).toEqual(tenant);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.runIf(isWhole)(
  '[DIRECTORY-9] while many sign up, who is here goes on',
  async () => {
    const signUps = 400;
    const began = performance.now();
    for (let n = 0; n < signUps; n += 4) await Promise.all(Array.from({ length: 4 }, () => signUp(`Many ${n}`)));
    const ms = performance.now() - began;
    process.stdout.write(`sign-ups: ${signUps} in ${(ms / 1_000).toFixed(1)} s\n`);
    const answer = await send('POST', '/v1/tasks', {
      key: us.key,
      json: { operation: 'swarm.echo', input: 1 },
      headers: { prefer: 'wait=10' },
    });
    expect(answer.json.state).toBe('succeeded');
  },
  600_000,
);

test('[LOG-2] [DIRECTORY-3] no name, address or header brings a second line into a mail or a log', async () => {
  const unseen = ['\n', '\r\nBcc: all@example.com', '\u0085', '\u2028', '\u2029', '\u001b[2J', '\u009b2J', '\u202e'];
  for (const text of unseen) {
    const body = (change: object) => ({
      email: `${randomUUID()}@example.com`,
      password: 'a long pass phrase',
      organization: 'Lines',
      ...change,
    });
    for (const json of [body({ organization: `A${text}B` }), body({ email: `a${text}b@example.com` })]) {
      const answer = await send('POST', '/v1/signup', { json });
      expect(told(answer), JSON.stringify(json)).toEqual([400, 'invalid_request']);
      expect(answer.text).not.toContain(text);
    }
    const invited = await send('POST', '/v1/invitations', {
      ...asPerson(us),
      json: { email: `a${text}b@example.com`, role: 'viewer' },
    });
    expect(told(invited)).toEqual([400, 'invalid_request']);
  }
});
