// Logging in and out, sessions, attempts and password reset, against real D1 and better-auth's own paths.

import { beforeEach, expect, test, vi } from 'vitest';
import { keptEmails } from '../../functions/directory/mail.ts';
import { serveAuth } from '../../functions/directory/serve-auth.ts';
import { login, logout, sessionOf, switchTenant, tenantsOf } from '../../functions/directory/session.ts';
import { sweepDirectory } from '../../functions/directory/sweep.ts';
import {
  aDirectory,
  baseUrl,
  d1,
  password,
  rowCounts,
  signedUp,
  type TestDirectory,
  withCookies,
} from './directory-support.ts';

let directory: TestDirectory;
beforeEach(async () => {
  directory = await aDirectory();
});

const email = 'ada@example.com';
const wrong = { ok: false, error: { code: 'invalid_credentials' } };
const minute = 60_000;

/** A request to one of better-auth's paths, from a page of the platform itself. */
function auth(path: string, body: object, cookies: readonly string[] = []): Promise<Response | null> {
  const headers = { 'content-type': 'application/json', origin: baseUrl };
  const request = { method: 'POST', headers, body: JSON.stringify(body) };
  return served(withCookies(cookies, request, `${baseUrl}/api/auth${path}`));
}

/** An answer, when what comes after it is done too. */
async function served(request: Request): Promise<Response | null> {
  const response = await serveAuth(request, directory);
  await Promise.all(directory.afterwards);
  return response;
}

test('[DIRECTORY-12] the right password logs in, a wrong one or an unknown address does not', async () => {
  const { user, tenant, swarm } = await signedUp(directory);
  const result = await login({ email: ' ADA@example.com', password }, { userAgent: 'test' }, directory);
  expect(result).toMatchObject({ ok: true, value: { user, tenant, swarm, role: 'owner' } });
  if (result.ok) expect(await sessionOf(withCookies(result.value.cookies), directory)).toMatchObject({ user, tenant });
  expect(await login({ email, password: `${password}!` }, {}, directory)).toEqual(wrong);
  expect(await login({ email: 'eve@example.com', password }, {}, directory)).toEqual(wrong);
  expect((await rowCounts()).sessions).toBe(2);
});

test('[DIRECTORY-12] bad input is refused before anything is counted', async () => {
  for (const input of [
    null,
    {},
    { email },
    { email, password: '' },
    { email: 'x', password },
    { email, password, more: 1 },
  ]) {
    expect(await login(input, {}, directory)).toMatchObject({ ok: false, error: { code: 'invalid_request' } });
  }
  expect((await rowCounts()).attempts).toBe(0);
});

test('[DIRECTORY-13] an unknown address costs what a wrong password costs', async () => {
  await signedUp(directory);
  const prepared = vi.spyOn(d1, 'prepare');
  const cost = async (who: string) => {
    let least = Number.POSITIVE_INFINITY;
    prepared.mockClear();
    // Other work on the machine only ever adds time, so the quickest of some is compared.
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      await login({ email: who, password: 'a wrong password' }, { address: `10.0.0.${i}` }, directory);
      least = Math.min(least, performance.now() - start);
    }
    return { least, queries: prepared.mock.calls.length };
  };
  const known = await cost(email);
  const unknown = await cost('eve@example.com');
  prepared.mockRestore();
  expect(known.queries).toBeGreaterThan(0);
  expect(unknown.queries).toBe(known.queries);
  // Without the hash it would be a tenth; a busy machine moves it by much less than this.
  expect(unknown.least).toBeGreaterThan(known.least / 3);
  expect(unknown.least).toBeLessThan(known.least * 3);
});

test('[DIRECTORY-14] a session ends with its log-out, at once, and a false cookie is none', async () => {
  const { cookies } = await signedUp(directory);
  const forged = cookies.map((cookie) => cookie.replace(/=(.)/, (_, c) => `=${c === 'a' ? 'b' : 'a'}`));
  expect(await sessionOf(withCookies(forged), directory)).toBeNull();
  expect(await sessionOf(new Request(baseUrl), directory)).toBeNull();
  const cleared = await logout(withCookies(cookies), directory);
  expect(cleared.join()).toMatch(/starling\.session_token=; Max-Age=0/);
  expect(await sessionOf(withCookies(cookies), directory)).toBeNull();
  await logout(new Request(baseUrl), directory);
});

test('[DIRECTORY-14] a session ends by itself after seven days, and the sweep deletes it', async () => {
  const { cookies } = await signedUp(directory);
  const session = await sessionOf(withCookies(cookies), directory);
  expect((session?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(7 * 24 * 60 * minute - minute);
  await d1
    .prepare('UPDATE sessions SET expires_at = ?')
    .bind(Date.now() - 1)
    .run();
  expect(await sweepDirectory(directory)).toBe(0);
  directory.clock += minute;
  expect(await sweepDirectory({ ...directory, now: () => directory.clock })).toBe(1);
  expect(await sessionOf(withCookies(cookies), directory)).toBeNull();
});

test('[DIRECTORY-14] using a session moves its end and renews its cookie', async () => {
  const { cookies } = await signedUp(directory);
  expect((await sessionOf(withCookies(cookies), directory))?.cookies).toEqual([]);
  const soon = Date.now() + 24 * 60 * minute;
  await d1.prepare('UPDATE sessions SET expires_at = ?').bind(soon).run();
  const session = await sessionOf(withCookies(cookies), directory);
  expect(session?.expiresAt).toBeGreaterThan(soon + 5 * 24 * 60 * minute);
  expect(session?.cookies.join()).toMatch(/starling\.session_token=[^;]+; Max-Age=604800/);
});

test('[DIRECTORY-15] the eleventh attempt in a quarter of an hour is refused, even with the right password', async () => {
  await signedUp(directory);
  const from = { address: '192.0.2.1' };
  for (let i = 0; i < 10; i++) expect(await login({ email, password: 'a wrong one' }, from, directory)).toEqual(wrong);
  directory.clock += 5 * minute;
  const refused = { ok: false, error: { code: 'too_many_attempts', retryAfterSeconds: 600 } };
  expect(await login({ email, password }, from, directory)).toEqual(refused);
  expect(await login({ email, password }, { address: '192.0.2.2' }, directory)).toMatchObject({ ok: true });
  const overHttp = await auth('/sign-in/email', { email, password });
  expect(overHttp?.status).toBe(200);
  directory.clock += 10 * minute;
  expect(await login({ email, password }, from, directory)).toMatchObject({ ok: true });
});

test('[DIRECTORY-15] attempts that arrive at once are counted one by one', async () => {
  await signedUp(directory);
  const tries = Array.from({ length: 14 }, () =>
    login({ email, password: 'a wrong one' }, { address: '192.0.2.1' }, directory),
  );
  const codes = (await Promise.all(tries)).map((result) => (result.ok ? 'ok' : result.error.code));
  expect(codes.filter((code) => code === 'invalid_credentials')).toHaveLength(10);
  expect(codes.filter((code) => code === 'too_many_attempts')).toHaveLength(4);
  // What the pair's counter refused counts neither against the person nor against the network.
  const { results } = await d1.prepare('SELECT count FROM attempts ORDER BY count').all<{ count: number }>();
  expect(results.map(({ count }) => count)).toEqual([10, 10, 14]);
});

test('[DIRECTORY-15] a log-in forgives what was mistyped before it', async () => {
  await signedUp(directory);
  const from = { address: '192.0.2.1' };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 6; i++) expect(await login({ email, password: 'a wrong one' }, from, directory)).toEqual(wrong);
    expect(await login({ email, password }, from, directory)).toMatchObject({ ok: true });
  }
});

test('[DIRECTORY-15] one network cannot try many addresses, nor many networks one address', async () => {
  const tooMany = { ok: false, error: { code: 'too_many_attempts' } };
  const fill = (name: string) =>
    d1.prepare('UPDATE attempts SET count = 100 WHERE key NOT IN (SELECT value FROM json_each(?))').bind(name).run();
  const keys = async () =>
    (await d1.prepare('SELECT key FROM attempts').all<{ key: string }>()).results.map(({ key }) => key);
  await login({ email: 'a@example.com', password: 'a wrong one' }, { address: '192.0.2.1' }, directory);
  // Fill the counters of that attempt that it shares with another address from the same network, then with the same address.
  const first = await keys();
  await login({ email: 'b@example.com', password: 'a wrong one' }, { address: '192.0.2.1' }, directory);
  expect((await keys()).length - first.length).toBe(2);
  await fill('[]');
  expect(
    await login({ email: 'c@example.com', password: 'a wrong one' }, { address: '192.0.2.1' }, directory),
  ).toMatchObject(tooMany);
  expect(
    await login({ email: 'a@example.com', password: 'a wrong one' }, { address: '192.0.2.9' }, directory),
  ).toMatchObject(tooMany);
  expect(await login({ email: 'd@example.com', password: 'a wrong one' }, { address: '192.0.2.9' }, directory)).toEqual(
    wrong,
  );
  directory.clock += 61 * minute;
  expect(await login({ email: 'c@example.com', password: 'a wrong one' }, { address: '192.0.2.1' }, directory)).toEqual(
    wrong,
  );
});

test('[DIRECTORY-15] IPv6 addresses of one network count as one, and no address is stored readable', async () => {
  await login({ email, password: 'a wrong one' }, { address: '2001:db8:1:2::1' }, directory);
  const before = (await rowCounts()).attempts;
  await login({ email, password: 'a wrong one' }, { address: '2001:db8:1:2:ffff::9' }, directory);
  expect((await rowCounts()).attempts).toBe(before);
  const { results } = await d1.prepare('SELECT * FROM attempts').all();
  expect(JSON.stringify(results)).not.toMatch(/2001|ada/);
});

test('[DIRECTORY-16] a password reset needs the token from the mail, once, and ends every session', async () => {
  const { cookies } = await signedUp(directory);
  expect((await auth('/request-password-reset', { email }))?.status).toBe(200);
  const token = /"token": "([^"]+)"/.exec(directory.mails[0]?.text ?? '')?.[1] ?? '';
  expect(token.length).toBeGreaterThan(20);
  const { results } = await d1.prepare('SELECT * FROM verifications').all();
  expect(JSON.stringify(results)).not.toContain(token);
  const weak = await auth('/reset-password', { token, newPassword: 'password' });
  expect([weak?.status, (await weak?.json<{ code: string }>())?.code]).toEqual([400, 'password_too_weak']);
  expect((await auth('/reset-password', { token: `${token}x`, newPassword: 'brand new words' }))?.status).toBe(400);
  expect((await auth('/reset-password', { token, newPassword: 'brand new words' }))?.status).toBe(200);
  expect((await auth('/reset-password', { token, newPassword: 'brand new words 2' }))?.status).toBe(400);
  expect(await sessionOf(withCookies(cookies), directory)).toBeNull();
  expect(await login({ email, password }, {}, directory)).toEqual(wrong);
  expect(await login({ email, password: 'brand new words' }, {}, directory)).toMatchObject({ ok: true });
});

test('[DIRECTORY-16] a reset for an unknown address says the same and sends nothing; the fourth is refused', async () => {
  await signedUp(directory);
  const answers: unknown[] = [];
  for (const who of [email, 'eve@example.com']) {
    const response = await auth('/request-password-reset', { email: who });
    answers.push([response?.status, await response?.json()]);
  }
  expect(answers[0]).toEqual(answers[1]);
  expect(directory.mails.map(({ to }) => to)).toEqual([email]);
  for (let i = 0; i < 2; i++) await auth('/request-password-reset', { email });
  const refused = await auth('/request-password-reset', { email });
  expect([refused?.status, refused?.headers.get('retry-after')]).toEqual([429, '900']);
  expect(directory.mails).toHaveLength(3);
});

test('[DIRECTORY-42] until its answer, a reset asks the database the same for every address, and after it as often', async () => {
  await signedUp(directory);
  const cost = async (who: string) => {
    const asked = vi.spyOn(d1, 'prepare');
    const headers = { 'content-type': 'application/json', origin: baseUrl };
    const request = { method: 'POST', headers, body: JSON.stringify({ email: who }) };
    directory.afterwards.length = 0;
    let before = 0;
    // What is done after the answer begins with the answer.
    const later = (work: () => Promise<void>) => {
      before = asked.mock.calls.length;
      directory.later(work);
    };
    await serveAuth(new Request(`${baseUrl}/api/auth/request-password-reset`, request), { ...directory, later });
    await Promise.all(directory.afterwards);
    const statements = asked.mock.calls.map(([sql]) => sql);
    asked.mockRestore();
    return { before: statements.slice(0, before), after: statements.length - before };
  };
  const known = await cost(email);
  const unknown = await cost('eve@example.com');
  expect(known.before.length).toBeGreaterThan(0);
  expect(unknown.before).toEqual(known.before);
  // The mail itself goes where the settings say: here it is kept in memory, and is no statement.
  expect(unknown.after).toBe(known.after + 1);
  expect(directory.mails.map(({ to }) => to)).toEqual([email]);
  // Of the token that nobody has nothing stays.
  expect((await rowCounts()).verifications).toBe(1);
});

test('[DIRECTORY-16] the link in a reset mail never follows the Host header or a foreign page', async () => {
  await signedUp(directory);
  const post = (body: object) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', host: 'evil.example' },
    body: JSON.stringify(body),
  });
  const url = 'http://evil.example/api/auth/request-password-reset';
  await served(new Request(url, post({ email, redirectTo: '/new-password' })));
  expect(directory.mails[0]?.text).toContain(`${baseUrl}/api/auth/reset-password/`);
  expect(directory.mails[0]?.text).not.toContain('evil');
  const foreign = await served(new Request(url, post({ email, redirectTo: 'https://evil.example/' })));
  expect(foreign?.status).toBe(403);
  expect(directory.mails).toHaveLength(1);
});

test('[DIRECTORY-16] without a mail service, mail waits in the database for the owner of the machine', async () => {
  directory = await aDirectory({ keepMail: true });
  await signedUp(directory);
  await auth('/request-password-reset', { email });
  expect(await keptEmails(10, directory)).toMatchObject([{ to: email, subject: 'Your new Starling password' }]);
  expect(await sweepDirectory({ ...directory, now: () => directory.clock + 8 * 24 * 60 * minute })).toBeGreaterThan(0);
  expect(await keptEmails(10, directory)).toEqual([]);
});

test('[DIRECTORY-45] one sweep takes all that a day of many sign-ups and invitations leaves', async () => {
  const { tenant } = await signedUp(directory);
  const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)`;
  const ended = Date.now() - 91 * 24 * 60 * minute;
  await d1.batch([
    d1.prepare(`INSERT INTO attempts ${rows} SELECT 'k' || i, 1, ?1 FROM n`).bind(ended),
    d1
      .prepare(
        `INSERT INTO invitations ${rows} SELECT 'inv_' || i, ?2, i || '@example.com', 'viewer', 'd' || i, 'revoked', NULL, ?1, ?1 FROM n`,
      )
      .bind(ended, tenant.id),
  ]);
  expect(await sweepDirectory(directory)).toBe(5_000);
  expect(await rowCounts()).toMatchObject({ attempts: 0, invitations: 0, users: 1 });
});

test('[DIRECTORY-17] of better-auth’s paths only the named ones are open', async () => {
  const { cookies } = await signedUp(directory);
  const before = await rowCounts();
  for (const path of [
    '/sign-up/email',
    '/delete-user',
    '/update-user',
    '/change-email',
    '/open-session',
    '/organization/create',
    '/ok/../sign-up/email',
  ]) {
    expect(await auth(path, { email: 'new@example.com', password, name: 'new' }, cookies)).toBeNull();
  }
  expect(await serveAuth(new Request(`${baseUrl}/api/auth/sign-in/email`), directory)).toBeNull();
  expect(await serveAuth(new Request(`${baseUrl}/v1/tasks`), directory)).toBeNull();
  expect(await rowCounts()).toEqual(before);
});

test('[DIRECTORY-17] a page of another origin can do nothing with the cookie', async () => {
  const { cookies } = await signedUp(directory);
  const headers = { 'content-type': 'application/json', origin: 'https://evil.example' };
  const request = withCookies(cookies, { method: 'POST', headers, body: '{}' }, `${baseUrl}/api/auth/revoke-sessions`);
  expect((await serveAuth(request, directory))?.status).toBe(403);
  expect(await sessionOf(withCookies(cookies), directory)).not.toBeNull();
});

test('[DIRECTORY-7] a fault under better-auth is thrown, and nothing prints the values of the query', async () => {
  await signedUp(directory);
  const printed = vi.spyOn(console, 'error');
  await d1.exec(`CREATE TRIGGER no_session BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
  const faults = [
    await auth('/sign-in/email', { email, password }).catch((error: unknown) => error),
    await login({ email, password }, {}, directory).catch((error: unknown) => error),
  ];
  await d1.exec('DROP TRIGGER no_session');
  for (const fault of faults) {
    expect(fault).toMatchObject({ name: 'Fault', retryable: true });
    expect(fault instanceof Error && String(fault.cause)).toContain('disk full');
  }
  expect(printed).not.toHaveBeenCalled();
  printed.mockRestore();
});

test('[DIRECTORY-18] a member of two tenants moves a session between them, and into no other', async () => {
  const ada = await signedUp(directory);
  const bob = await signedUp(directory, 'bob@example.com', 'Bob Ltd');
  const eve = await signedUp(directory, 'eve@example.com', 'Eve Ltd');
  await d1
    .prepare(`INSERT INTO members VALUES (?, ?, 'viewer', ?)`)
    .bind(bob.tenant.id, ada.user.id, directory.clock + 1)
    .run();
  const session = await sessionOf(withCookies(ada.cookies), directory);
  if (!session) throw new Error('no session');
  expect(await tenantsOf(session, directory)).toEqual([
    { ...ada.tenant, role: 'owner' },
    { ...bob.tenant, role: 'viewer' },
  ]);
  expect(await switchTenant(session, bob.tenant.id, directory)).toMatchObject({ ok: true, value: { role: 'viewer' } });
  expect(await sessionOf(withCookies(ada.cookies), directory)).toMatchObject({
    tenant: bob.tenant,
    swarm: bob.swarm,
    role: 'viewer',
  });
  for (const foreign of [eve.tenant.id, 'tnt_nothing', '']) {
    expect(await switchTenant(session, foreign, directory)).toEqual({ ok: false, error: { code: 'not_found' } });
  }
  expect(await login({ email, password }, {}, directory)).toMatchObject({ value: { tenant: ada.tenant } });
});
