// Signing up, against real D1: all or nothing, repeatable, repaired after a crash.

import { beforeEach, expect, test } from 'vitest';
import { isId } from '../../core/ids.ts';
import { login, sessionOf } from '../../functions/directory/session.ts';
import { signUp } from '../../functions/directory/sign-up.ts';
import { aDirectory, d1, password, rowCounts, signedUp, type TestDirectory, withCookies } from './directory-support.ts';

let directory: TestDirectory;
beforeEach(async () => {
  directory = await aDirectory();
});

const body = { email: 'ada@example.com', password, organization: 'Ada Ltd' };

test('[DIRECTORY-1] a sign-up makes a user, a tenant, an owner, a swarm and a session', async () => {
  const result = await signUp({ ...body, email: ' Ada@Example.com ' }, {}, directory);
  expect(result).toMatchObject({
    ok: true,
    value: {
      user: { email: 'ada@example.com', name: 'ada' },
      tenant: { name: 'Ada Ltd' },
      swarm: { name: 'main' },
      role: 'owner',
      replayed: false,
    },
  });
  if (!result.ok) return;
  const { user, tenant, swarm, keyId, cookies } = result.value;
  expect([isId('usr', user.id), isId('tnt', tenant.id), isId('swm', swarm.id), isId('key', keyId)]).not.toContain(
    false,
  );
  expect(directory.made).toEqual([{ tenant, swarm, owner: user.id, keyId, at: directory.clock }]);
  expect(await sessionOf(withCookies(cookies), directory)).toMatchObject({ user, tenant, swarm, role: 'owner' });
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatch(/^starling\.session_token=[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
});

test('[DIRECTORY-1] over https the session cookie is Secure', async () => {
  directory = await aDirectory({ baseUrl: 'https://starling.example' });
  const { cookies } = await signedUp(directory);
  expect(cookies[0]).toMatch(
    /^__Secure-starling\.session_token=[^;]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
});

test('[DIRECTORY-2] an address that is taken is refused, and nothing is written', async () => {
  await signedUp(directory);
  const before = await rowCounts();
  for (const again of [body, { ...body, email: 'ADA@example.com' }, { ...body, password: 'quite another one' }]) {
    expect(await signUp(again, {}, directory)).toEqual({ ok: false, error: { code: 'email_taken' } });
  }
  expect(await rowCounts()).toEqual(before);
  expect(directory.made).toHaveLength(1);
});

test('[DIRECTORY-3] bad input is refused with a pointer, and nothing is written', async () => {
  const bad: [unknown, string][] = [
    [null, ''],
    ['text', ''],
    [{}, '/email'],
    [{ ...body, email: 'nobody' }, '/email'],
    [{ ...body, email: 7 }, '/email'],
    [{ ...body, email: `${'a'.repeat(250)}@example.com` }, '/email'],
    [{ ...body, password: 'x'.repeat(129) }, '/password'],
    [{ ...body, organization: '  ' }, '/organization'],
    [{ ...body, organization: 'two\nlines' }, '/organization'],
    [{ ...body, organization: 'x'.repeat(101) }, '/organization'],
    [{ ...body, role: 'owner' }, ''],
  ];
  for (const [input, pointer] of bad) {
    const result = await signUp(input, {}, directory);
    expect(result).toMatchObject({ ok: false, error: { code: 'invalid_request' } });
    if (!result.ok && result.error.code === 'invalid_request') expect(result.error.errors[0]?.pointer).toBe(pointer);
  }
  for (const idempotencyKey of ['', 'k'.repeat(256)]) {
    expect(await signUp(body, { idempotencyKey }, directory)).toMatchObject({ error: { code: 'invalid_request' } });
  }
  expect(new Set(Object.values(await rowCounts()))).toEqual(new Set([0]));
});

test('[DIRECTORY-3] a weak password is refused', async () => {
  const weak = { short: 'too_short', password: 'too_common', zzzzzzzzzz: 'too_common', 'ADA@example.com': 'is_email' };
  for (const [text, weakness] of Object.entries(weak)) {
    const result = await signUp({ ...body, password: text }, {}, directory);
    expect(result).toEqual({ ok: false, error: { code: 'password_too_weak', weakness } });
  }
  expect((await rowCounts()).users).toBe(0);
});

test('[DIRECTORY-4] the same idempotency key and body give the same answer, whatever happened between', async () => {
  const idempotencyKey = 'f2c1';
  const first = await signUp(body, { idempotencyKey }, directory);
  const again = await signUp({ ...body, email: 'ADA@example.com' }, { idempotencyKey }, directory);
  if (!first.ok || !again.ok) throw new Error('refused');
  const { cookies, ...answer } = first.value;
  const { cookies: moreCookies, ...repeated } = again.value;
  expect(repeated).toEqual({ ...answer, replayed: true });
  expect(await sessionOf(withCookies(moreCookies), directory)).toMatchObject({ user: answer.user });
  expect(cookies).not.toEqual(moreCookies);
  expect(directory.made).toHaveLength(1);
  expect((await rowCounts()).tenants).toBe(1);
});

test('[DIRECTORY-4] the same idempotency key with another body is refused', async () => {
  await signUp(body, { idempotencyKey: 'f2c1' }, directory);
  const before = await rowCounts();
  for (const change of [{ organization: 'Bob Ltd' }, { email: 'bob@example.com' }, { password: 'another long one' }]) {
    const result = await signUp({ ...body, ...change }, { idempotencyKey: 'f2c1' }, directory);
    expect(result).toEqual({ ok: false, error: { code: 'idempotency_key_reused' } });
  }
  expect(await rowCounts()).toEqual(before);
});

test('[DIRECTORY-4] a repetition logs nobody in once the password has been changed', async () => {
  await signUp(body, { idempotencyKey: 'f2c1' }, directory);
  await d1.prepare(`UPDATE accounts SET password = 'scrypt$16384$16$1$${'A'.repeat(22)}$${'A'.repeat(43)}'`).run();
  expect(await signUp(body, { idempotencyKey: 'f2c1' }, directory)).toMatchObject({
    ok: true,
    value: { replayed: true, cookies: [] },
  });
});

test('[DIRECTORY-4] neither the idempotency key nor the password is in the database', async () => {
  await signUp(body, { idempotencyKey: 'a-key-to-look-for' }, directory);
  const rows = await d1.batch(['sign_ups', 'accounts', 'users'].map((table) => d1.prepare(`SELECT * FROM ${table}`)));
  const text = JSON.stringify(rows.map(({ results }) => results));
  expect(text).toContain('ada@example.com');
  expect(text).not.toContain('a-key-to-look-for');
  expect(text).not.toContain(password);
});

test('[DIRECTORY-5] of sign-ups that race for one address, one makes the tenant', async () => {
  const results = await Promise.all(
    ['A', 'B', 'C', 'D'].map((organization) => signUp({ ...body, organization }, {}, directory)),
  );
  expect(await rowCounts()).toMatchObject({ users: 1, tenants: 1, members: 1, swarms: 1, accounts: 1 });
  const tenants = new Set(results.flatMap((result) => (result.ok ? [result.value.tenant.id] : [])));
  expect(tenants.size).toBe(1);
});

test('[DIRECTORY-5] repetitions that race under one idempotency key all get the one answer', async () => {
  const results = await Promise.all(
    Array.from({ length: 4 }, () => signUp(body, { idempotencyKey: 'f2c1' }, directory)),
  );
  const answers = results.map((result) =>
    result.ok ? `${result.value.tenant.id} ${result.value.keyId}` : result.error.code,
  );
  expect(new Set(answers).size).toBe(1);
  expect((await rowCounts()).tenants).toBe(1);
});

test('[DIRECTORY-6] a sign-up cut off before its swarm was made is finished by the same sign-up', async () => {
  directory.broken = true;
  await expect(signUp(body, {}, directory)).rejects.toThrow('does not answer');
  expect(await rowCounts()).toMatchObject({ users: 1, tenants: 1, swarms: 1, sessions: 0 });
  directory.broken = false;
  const wrong = await signUp({ ...body, password: 'not the password' }, {}, directory);
  expect(wrong).toEqual({ ok: false, error: { code: 'email_taken' } });
  const again = await signUp(body, { idempotencyKey: 'k' }, directory);
  expect(again).toMatchObject({ ok: true, value: { tenant: { name: 'Ada Ltd' }, replayed: false } });
  expect(directory.made).toHaveLength(1);
  expect(await rowCounts()).toMatchObject({ users: 1, tenants: 1, swarms: 1 });
  expect(await signUp(body, {}, directory)).toEqual({ ok: false, error: { code: 'email_taken' } });
  expect(await signUp(body, { idempotencyKey: 'k' }, directory)).toMatchObject({ value: { replayed: true } });
});

test('[DIRECTORY-6] a sign-up cut off under an idempotency key is finished by its repetition', async () => {
  directory.broken = true;
  await expect(signUp(body, { idempotencyKey: 'k' }, directory)).rejects.toThrow('does not answer');
  directory.broken = false;
  expect(await signUp(body, { idempotencyKey: 'k' }, directory)).toMatchObject({ ok: true, value: { role: 'owner' } });
  expect(directory.made).toHaveLength(1);
});

test('[DIRECTORY-6] a sign-up cut off before its swarm was made is finished by a log-in', async () => {
  directory.broken = true;
  await expect(signUp(body, {}, directory)).rejects.toThrow('does not answer');
  directory.broken = false;
  expect(await login({ email: body.email, password }, {}, directory)).toMatchObject({ ok: true });
  expect(directory.made).toHaveLength(1);
  await login({ email: body.email, password }, {}, directory);
  expect(directory.made).toHaveLength(1);
});

test('[DIRECTORY-7] rows that cannot all be written are not written at all', async () => {
  await d1.exec(`CREATE TRIGGER no_swarm BEFORE INSERT ON swarms BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
  try {
    await expect(signUp(body, { idempotencyKey: 'k' }, directory)).rejects.toThrow();
  } finally {
    await d1.exec('DROP TRIGGER no_swarm');
  }
  expect(new Set(Object.values(await rowCounts()))).toEqual(new Set([0]));
  expect(await signUp(body, { idempotencyKey: 'k' }, directory)).toMatchObject({ ok: true });
});

test('[DIRECTORY-7] a fault of the database repeats no value of the query', async () => {
  await d1.exec(`CREATE TRIGGER no_swarm BEFORE INSERT ON swarms BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
  const fault: unknown = await signUp(body, {}, directory).catch((error: unknown) => error);
  await d1.exec('DROP TRIGGER no_swarm');
  expect(fault).toMatchObject({ name: 'Fault', retryable: true });
  const seen = fault instanceof Error ? `${fault.stack} ${JSON.stringify(fault)} ${String(fault.cause)}` : '';
  expect(seen).toContain('disk full');
  expect(seen).not.toMatch(/ada@example\.com|scrypt/);
});

test('[DIRECTORY-9] where sign-ups are limited, one network makes so many in a window, and a repetition is not counted', async () => {
  directory = await aDirectory({ signUpRule: { max: 2, windowMs: 60_000 } });
  const make = (n: number, address = '192.0.2.1') =>
    signUp({ ...body, email: `${n}@example.com` }, { address, idempotencyKey: `k${n}` }, directory);
  for (const n of [1, 2, 1, 2]) expect(await make(n)).toMatchObject({ ok: true });
  const before = await rowCounts();
  const refused = { ok: false, error: { code: 'too_many_attempts', retryAfterSeconds: 60 } };
  expect(await make(3)).toEqual(refused);
  expect(await rowCounts()).toEqual(before);
  expect(await make(4, '192.0.2.2')).toMatchObject({ ok: true });
  directory.clock += 60_000;
  expect(await make(3)).toMatchObject({ ok: true });
});

test('[DIRECTORY-8] someone who was removed from every tenant may sign up again with their password', async () => {
  const { user, tenant } = await signedUp(directory);
  await d1.prepare('DELETE FROM members').run();
  expect(await login({ email: body.email, password }, {}, directory)).toEqual({
    ok: false,
    error: { code: 'no_tenant' },
  });
  const again = await signUp({ ...body, organization: 'Second Ltd' }, {}, directory);
  expect(again).toMatchObject({ ok: true, value: { user, tenant: { name: 'Second Ltd' }, role: 'owner' } });
  if (again.ok) expect(again.value.tenant.id).not.toBe(tenant.id);
  expect((await rowCounts()).users).toBe(1);
});
