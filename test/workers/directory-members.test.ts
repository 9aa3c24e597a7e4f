// Members, roles and invitations, against real D1: who may do what, never without an owner, never across tenants.

import { beforeEach, expect, test } from 'vitest';
import type { UserId } from '../../core/ids.ts';
import { ROLE_SCOPES, ROLES, type Role, SCOPES, type Scope } from '../../core/keys/scopes.ts';
import { createInvitation, listInvitations, revokeInvitation } from '../../functions/directory/invitations.ts';
import { acceptInvitation, joinByInvitation } from '../../functions/directory/join.ts';
import {
  invitationMs,
  invitationsOpenMax,
  invitationsPerDayMax,
  membersMax,
} from '../../functions/directory/limits.ts';
import { type Actor, changeRole, listMembers, removeMember, roleOf } from '../../functions/directory/members.ts';
import { login, sessionOf } from '../../functions/directory/session.ts';
import type { SignedUp } from '../../functions/directory/sign-up.ts';
import { aDirectory, d1, password, rowCounts, signedUp, type TestDirectory, withCookies } from './directory-support.ts';

let directory: TestDirectory;
let ada: SignedUp;
beforeEach(async () => {
  directory = await aDirectory();
  ada = await signedUp(directory);
  directory.apiKeys.set(keyId, ['admin']);
});

const keyId = 'key_01kf2m8z3n5q7r9t1v3x5z7a9b';
const key: Actor = { keyId, scopes: ['admin'] };
const notFound = { ok: false, error: { code: 'not_found' } };
const notAllowed = { ok: false, error: { code: 'not_allowed' } };
const lastOwner = { ok: false, error: { code: 'last_owner' } };

/** Adds a member to a tenant by inviting them. */
async function joined(email: string, role: Role, tenant = ada): Promise<{ id: UserId; cookies: readonly string[] }> {
  const from = { tenantId: tenant.tenant.id, actor: { userId: tenant.user.id } };
  const made = await createInvitation({ email, role }, from, directory);
  if (!made.ok) throw new Error(`not invited: ${made.error.code}`);
  const result = await joinByInvitation({ token: made.value.token, password }, {}, directory);
  if (!result.ok) throw new Error(`not joined: ${result.error.code}`);
  return { id: result.value.user.id, cookies: result.value.cookies };
}

test('[DIRECTORY-30] members are listed page by page, and only those of the tenant', async () => {
  await signedUp(directory, 'eve@example.com', 'Eve Ltd');
  for (const n of [1, 2, 3, 4]) await joined(`m${n}@example.com`, 'viewer');
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listMembers(ada.tenant.id, { limit: 2, cursor }, directory);
    if (!page.ok) throw new Error('refused');
    expect(page.value.data.length).toBeLessThanOrEqual(2);
    seen.push(...page.value.data.map(({ email }) => email));
    cursor = page.value.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen.toSorted()).toEqual([
    'ada@example.com',
    'm1@example.com',
    'm2@example.com',
    'm3@example.com',
    'm4@example.com',
  ]);
  expect(await listMembers(ada.tenant.id, { cursor: 'x' }, directory)).toMatchObject({
    error: { code: 'invalid_request' },
  });
});

test('[DIRECTORY-31] who may give which role to whom', async () => {
  const people: Record<Role, UserId> = {
    owner: ada.user.id,
    admin: ada.user.id,
    operator: ada.user.id,
    viewer: ada.user.id,
  };
  for (const role of ROLES) if (role !== 'owner') people[role] = (await joined(`${role}@example.com`, role)).id;
  const second = (await joined('second@example.com', 'owner')).id;
  const subject = (await joined('subject@example.com', 'viewer')).id;
  const tenantId = ada.tenant.id;
  const actors: [Actor, Role][] = [
    ...ROLES.map((role): [Actor, Role] => [{ userId: people[role] }, role]),
    [key, 'admin'],
  ];
  for (const [actor, acting] of actors) {
    for (const memberId of [subject, second]) {
      for (const role of ROLES) {
        await d1.prepare(`UPDATE members SET role = 'viewer' WHERE user_id = ?`).bind(subject).run();
        await d1.prepare(`UPDATE members SET role = 'owner' WHERE user_id = ?`).bind(second).run();
        const result = await changeRole({ tenantId, memberId, role, actor }, directory);
        const aboutOwners = memberId === second || role === 'owner';
        const allowed = acting === 'owner' || (acting === 'admin' && !aboutOwners);
        expect([acting, role, result]).toEqual([
          acting,
          role,
          allowed ? { ok: true, value: { id: memberId, role } } : notAllowed,
        ]);
        expect(await roleOf(tenantId, memberId, directory)).toBe(
          allowed ? role : memberId === second ? 'owner' : 'viewer',
        );
      }
    }
  }
});

test('[DIRECTORY-32] the last owner can neither step down nor leave', async () => {
  const change = { tenantId: ada.tenant.id, memberId: ada.user.id, actor: { userId: ada.user.id } };
  await joined('admin@example.com', 'admin');
  expect(await changeRole({ ...change, role: 'viewer' }, directory)).toEqual(lastOwner);
  expect(await removeMember(change, directory)).toEqual(lastOwner);
  expect(await changeRole({ ...change, role: 'owner' }, directory)).toMatchObject({ ok: true });
  const bob = await joined('bob@example.com', 'owner');
  expect(await changeRole({ ...change, role: 'viewer' }, directory)).toMatchObject({ ok: true });
  expect(await removeMember({ ...change, memberId: bob.id, actor: { userId: bob.id } }, directory)).toEqual(lastOwner);
});

test('[DIRECTORY-32] owners who demote each other, step down or leave at once leave one owner', async () => {
  const tenantId = ada.tenant.id;
  const bob = await joined('bob@example.com', 'owner');
  const [a, b] = [ada.user.id, bob.id];
  const both: ((memberId: UserId, other: UserId) => Promise<unknown>)[] = [
    (memberId, other) => changeRole({ tenantId, memberId, role: 'viewer', actor: { userId: other } }, directory),
    (memberId) => changeRole({ tenantId, memberId, role: 'viewer', actor: { userId: memberId } }, directory),
    (memberId) => removeMember({ tenantId, memberId, actor: { userId: memberId } }, directory),
  ];
  for (const change of both) {
    await d1.prepare(`UPDATE members SET role = 'owner' WHERE tenant_id = ?`).bind(tenantId).run();
    await Promise.all([change(a, b), change(b, a)]);
    const owners = d1
      .prepare(`SELECT count(*) AS n FROM members WHERE tenant_id = ? AND role = 'owner'`)
      .bind(tenantId);
    expect(await owners.first<number>('n')).toBe(1);
  }
});

test('[DIRECTORY-33] a removed member’s sessions in the tenant end, those elsewhere do not', async () => {
  const bob = await signedUp(directory, 'bob@example.com', 'Bob Ltd');
  const carl = await joined('carl@example.com', 'operator');
  directory.clock += 1;
  const invited = await createInvitation(
    { email: 'carl@example.com', role: 'viewer' },
    { tenantId: bob.tenant.id, actor: key },
    directory,
  );
  if (!invited.ok) throw new Error('refused');
  expect(await acceptInvitation(invited.value.token, carl, directory)).toMatchObject({ ok: true });
  const elsewhere = await login({ email: 'carl@example.com', password }, {}, directory);
  if (!elsewhere.ok) throw new Error('refused');
  const moved = `UPDATE sessions SET tenant_id = ? WHERE id = (SELECT max(id) FROM sessions WHERE user_id = ?)`;
  await d1.prepare(moved).bind(bob.tenant.id, carl.id).run();
  expect(await removeMember({ tenantId: ada.tenant.id, memberId: carl.id, actor: key }, directory)).toMatchObject({
    ok: true,
  });
  const open = [carl.cookies, elsewhere.value.cookies].map((cookies) => sessionOf(withCookies(cookies), directory));
  expect((await Promise.all(open)).map((session) => session?.tenant.name).toSorted()).toEqual(['Bob Ltd', undefined]);
});

test('[DIRECTORY-33] a viewer may leave but remove nobody; what is refused ends no session', async () => {
  const tenantId = ada.tenant.id;
  const bob = await joined('bob@example.com', 'viewer');
  const carl = await joined('carl@example.com', 'viewer');
  expect(await removeMember({ tenantId, memberId: carl.id, actor: { userId: bob.id } }, directory)).toEqual(notAllowed);
  expect(await sessionOf(withCookies(carl.cookies), directory)).not.toBeNull();
  expect(await removeMember({ tenantId, memberId: bob.id, actor: { userId: bob.id } }, directory)).toMatchObject({
    ok: true,
  });
  expect(await sessionOf(withCookies(bob.cookies), directory)).toBeNull();
});

test('[DIRECTORY-34] another tenant’s members and invitations are not found', async () => {
  const eve = await signedUp(directory, 'eve@example.com', 'Eve Ltd');
  const bob = await joined('bob@example.com', 'viewer');
  const invited = await createInvitation(
    { email: 'new@example.com', role: 'viewer' },
    { tenantId: ada.tenant.id, actor: key },
    directory,
  );
  if (!invited.ok) throw new Error('refused');
  const before = await rowCounts();
  const from = { tenantId: eve.tenant.id, actor: { userId: eve.user.id } };
  for (const memberId of [ada.user.id, bob.id, 'usr_1', '', ada.tenant.id]) {
    expect(await changeRole({ ...from, memberId, role: 'viewer' }, directory)).toEqual(notFound);
    expect(await removeMember({ ...from, memberId }, directory)).toEqual(notFound);
  }
  expect(await revokeInvitation({ ...from, invitationId: invited.value.invitation.id }, directory)).toEqual(notFound);
  expect(await listInvitations(eve.tenant.id, {}, directory)).toEqual({
    ok: true,
    value: { data: [], nextCursor: null },
  });
  // Eve is a user, but not a member of Ada's tenant.
  const intruder = { tenantId: ada.tenant.id, actor: { userId: eve.user.id } };
  expect(await changeRole({ ...intruder, memberId: bob.id, role: 'admin' }, directory)).toEqual(notAllowed);
  expect(await removeMember({ ...intruder, memberId: bob.id }, directory)).toEqual(notAllowed);
  expect(await createInvitation({ email: 'x@example.com', role: 'viewer' }, intruder, directory)).toEqual(notAllowed);
  expect(await revokeInvitation({ ...intruder, invitationId: invited.value.invitation.id }, directory)).toEqual(
    notAllowed,
  );
  expect(await rowCounts()).toEqual(before);
});

test('[DIRECTORY-35] an invitation is taken once, by a token that is only in the mail', async () => {
  const from = { tenantId: ada.tenant.id, actor: { userId: ada.user.id } };
  const made = await createInvitation({ email: ' Bob@Example.com', role: 'operator' }, from, directory);
  if (!made.ok) throw new Error('refused');
  const { token, invitation } = made.value;
  expect(invitation).toMatchObject({
    email: 'bob@example.com',
    role: 'operator',
    status: 'pending',
    invitedBy: ada.user.id,
  });
  expect(directory.mails).toMatchObject([{ to: 'bob@example.com', subject: 'Ada Ltd invites you to Starling' }]);
  expect(directory.mails[0]?.text).toContain(token);
  const { results } = await d1.prepare('SELECT * FROM invitations').all();
  expect(JSON.stringify(results)).not.toContain(token);

  const joins = await Promise.all([1, 2, 3].map(() => joinByInvitation({ token, password }, {}, directory)));
  expect(joins.filter((result) => result.ok)).toHaveLength(1);
  const first = joins.find((result) => result.ok);
  expect(first).toMatchObject({
    value: { user: { email: 'bob@example.com' }, tenant: ada.tenant, swarm: ada.swarm, role: 'operator' },
  });
  expect(await joinByInvitation({ token, password }, {}, directory)).toEqual({
    ok: false,
    error: { code: 'invitation_invalid' },
  });
  expect(await rowCounts()).toMatchObject({ users: 2, members: 2, accounts: 2, tenants: 1 });
  const list = await listInvitations(ada.tenant.id, {}, directory);
  expect(list).toMatchObject({ ok: true, value: { data: [{ id: invitation.id, status: 'accepted' }] } });
  expect(await login({ email: 'bob@example.com', password }, {}, directory)).toMatchObject({
    ok: true,
    value: { role: 'operator' },
  });
});

test('[DIRECTORY-35] a user takes an invitation of their own address and no other', async () => {
  const bob = await signedUp(directory, 'bob@example.com', 'Bob Ltd');
  const eve = await signedUp(directory, 'eve@example.com', 'Eve Ltd');
  const made = await createInvitation(
    { email: 'bob@example.com', role: 'admin' },
    { tenantId: ada.tenant.id, actor: key },
    directory,
  );
  if (!made.ok) throw new Error('refused');
  const { token } = made.value;
  expect(await acceptInvitation(token, eve.user, directory)).toEqual({
    ok: false,
    error: { code: 'invitation_for_other_email' },
  });
  expect(await joinByInvitation({ token, password }, {}, directory)).toEqual({
    ok: false,
    error: { code: 'email_taken' },
  });
  expect(await acceptInvitation(token, bob.user, directory)).toEqual({
    ok: true,
    value: { tenant: ada.tenant, role: 'admin' },
  });
  expect(await acceptInvitation(token, bob.user, directory)).toEqual({
    ok: false,
    error: { code: 'invitation_invalid' },
  });
  expect(await roleOf(ada.tenant.id, bob.user.id, directory)).toBe('admin');
});

test('[DIRECTORY-36] an invitation that expired, was revoked or was replaced is void', async () => {
  const from = { tenantId: ada.tenant.id, actor: key };
  const invite = async () => {
    const made = await createInvitation({ email: 'bob@example.com', role: 'viewer' }, from, directory);
    if (!made.ok) throw new Error('refused');
    return made.value;
  };
  const invalid = { ok: false, error: { code: 'invitation_invalid' } };
  const replaced = await invite();
  const revoked = await invite();
  expect(await joinByInvitation({ token: replaced.token, password }, {}, directory)).toEqual(invalid);
  expect(await revokeInvitation({ ...from, invitationId: revoked.invitation.id }, directory)).toMatchObject({
    ok: true,
  });
  expect(await revokeInvitation({ ...from, invitationId: revoked.invitation.id }, directory)).toMatchObject({
    ok: true,
  });
  expect(await joinByInvitation({ token: revoked.token, password }, {}, directory)).toEqual(invalid);
  directory.clock += 1;
  const expired = await invite();
  directory.clock += invitationMs;
  expect(await joinByInvitation({ token: expired.token, password }, {}, directory)).toEqual(invalid);
  for (const token of ['', 'x', 'x'.repeat(500)])
    expect((await joinByInvitation({ token, password }, {}, directory)).ok).toBe(false);
  const list = await listInvitations(ada.tenant.id, {}, directory);
  expect(list.ok && list.value.data.map(({ status }) => status).toSorted()).toEqual(['expired', 'revoked', 'revoked']);
  expect(await rowCounts()).toMatchObject({ users: 1, members: 1, accounts: 1 });
});

test('[DIRECTORY-36] an invitation that ends while it is being taken leaves nothing behind', async () => {
  const bob = await signedUp(directory, 'bob@example.com', 'Bob Ltd');
  const from = { tenantId: ada.tenant.id, actor: key };
  for (const email of ['bob@example.com', 'new@example.com']) {
    const made = await createInvitation({ email, role: 'viewer' }, from, directory);
    if (!made.ok) throw new Error('refused');
    const before = await rowCounts();
    let looks = 0;
    // The first look finds it open, every later one finds it expired.
    const ending = { ...directory, now: () => directory.clock + (looks++ === 0 ? 0 : invitationMs) };
    const { token } = made.value;
    const known = email === 'bob@example.com';
    const result = await (known
      ? acceptInvitation(token, bob.user, ending)
      : joinByInvitation({ token, password }, {}, ending));
    expect(result).toEqual({ ok: false, error: { code: 'invitation_invalid' } });
    expect(looks).toBeGreaterThan(1);
    expect(await rowCounts()).toEqual(before);
  }
});

test('[DIRECTORY-37] who may invite, and whom', async () => {
  const operator = await joined('operator@example.com', 'operator');
  const admin = await joined('admin@example.com', 'admin');
  const tenantId = ada.tenant.id;
  const to = (role: Role) => ({ email: 'new@example.com', role });
  expect(await createInvitation(to('viewer'), { tenantId, actor: { userId: operator.id } }, directory)).toEqual(
    notAllowed,
  );
  for (const actor of [{ userId: admin.id }, key]) {
    expect(await createInvitation(to('owner'), { tenantId, actor }, directory)).toEqual(notAllowed);
    expect(await createInvitation(to('admin'), { tenantId, actor }, directory)).toMatchObject({ ok: true });
  }
  expect(await createInvitation(to('owner'), { tenantId, actor: { userId: ada.user.id } }, directory)).toMatchObject({
    ok: true,
  });
  const member = { ...to('viewer'), email: 'admin@example.com' };
  expect(await createInvitation(member, { tenantId, actor: key }, directory)).toMatchObject({
    error: { code: 'already_member' },
  });
  for (const input of [null, {}, to('root' as Role), { ...to('viewer'), email: 'x' }, { ...to('viewer'), tenantId }]) {
    expect(await createInvitation(input, { tenantId, actor: key }, directory)).toMatchObject({
      error: { code: 'invalid_request' },
    });
  }
});

test('[DIRECTORY-38] open invitations and members of a tenant are limited', async () => {
  const tenantId = ada.tenant.id;
  const at = directory.clock;
  const made = await createInvitation(
    { email: 'bob@example.com', role: 'viewer' },
    { tenantId, actor: key },
    directory,
  );
  if (!made.ok) throw new Error('refused');
  const numbers = (n: number) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`;
  const row = `'inv_' || i, ?1, i || '@example.com', 'viewer', 'd' || i, 'pending', NULL, ?2 + 60000, ?2`;
  await d1
    .prepare(`INSERT INTO invitations ${numbers(invitationsOpenMax - 1)} SELECT ${row} FROM n`)
    .bind(tenantId, at)
    .run();
  const more = await createInvitation(
    { email: 'more@example.com', role: 'viewer' },
    { tenantId, actor: key },
    directory,
  );
  expect(more).toEqual({ ok: false, error: { code: 'too_many_invitations' } });

  const user = `'usr_' || i, 'x', i || '@example.com', 0, NULL, ?1, ?1`;
  await d1
    .prepare(`INSERT INTO users ${numbers(membersMax - 1)} SELECT ${user} FROM n`)
    .bind(at)
    .run();
  await d1
    .prepare(`INSERT INTO members SELECT ?1, id, 'viewer', ?2 FROM users WHERE name = 'x'`)
    .bind(tenantId, at)
    .run();
  const full = await joinByInvitation({ token: made.value.token, password }, {}, directory);
  expect(full).toEqual({ ok: false, error: { code: 'tenant_full' } });
  await d1.prepare(`DELETE FROM members WHERE user_id = 'usr_1'`).run();
  expect(await joinByInvitation({ token: made.value.token, password }, {}, directory)).toMatchObject({ ok: true });
});

/** What a key with these scopes holds of a role. */
const holds = (scopes: readonly Scope[], role: Role) =>
  scopes.includes('admin') || ROLE_SCOPES[role].every((scope) => scopes.includes(scope));

test('[DIRECTORY-39] a key has to do with the roles whose scopes it holds, and with no other', {
  timeout: 30_000,
}, async () => {
  const tenantId = ada.tenant.id;
  const subject = (await joined('subject@example.com', 'viewer')).id;
  const sets: (readonly Scope[])[] = [
    ['members:write'],
    ...[ROLE_SCOPES.admin, ROLE_SCOPES.operator, ROLE_SCOPES.viewer],
    SCOPES.filter((scope) => scope !== 'admin'),
  ];
  for (const scopes of sets) {
    const actor: Actor = { keyId, scopes };
    for (const was of ROLES) {
      for (const role of ROLES) {
        await d1.prepare('UPDATE members SET role = ? WHERE user_id = ?').bind(was, subject).run();
        const result = await changeRole({ tenantId, memberId: subject, role, actor }, directory);
        const may = [was, role].every((each) => each !== 'owner' && holds(scopes, each));
        expect([scopes, was, role, result.ok]).toEqual([scopes, was, role, may]);
        expect(await roleOf(tenantId, subject, directory)).toBe(may ? role : was);
      }
      await d1.prepare('UPDATE members SET role = ? WHERE user_id = ?').bind(was, subject).run();
      const may = was !== 'owner' && holds(scopes, was);
      const invited = await createInvitation({ email: 'x@example.com', role: was }, { tenantId, actor }, directory);
      expect([scopes, was, invited.ok]).toEqual([scopes, was, may]);
      await d1.prepare('DELETE FROM invitations').run();
      if (may) continue;
      const removed = await removeMember({ tenantId, memberId: subject, actor }, directory);
      const code = was === 'owner' ? 'not_allowed' : 'scope_exceeds_own';
      expect(removed).toMatchObject({ ok: false, error: { code } });
    }
  }
});

test('[DIRECTORY-39] nobody ends an invitation that they could not have made', async () => {
  const tenantId = ada.tenant.id;
  const by = { tenantId, actor: { userId: ada.user.id } };
  const made = await createInvitation({ email: 'bob@example.com', role: 'admin' }, by, directory);
  if (!made.ok) throw new Error('refused');
  const narrow: Actor = { keyId, scopes: [...ROLE_SCOPES.operator, 'members:write'] };
  const refused = { ok: false, error: { code: 'scope_exceeds_own', scope: 'admin' } };
  expect(
    await revokeInvitation({ tenantId, invitationId: made.value.invitation.id, actor: narrow }, directory),
  ).toEqual(refused);
  const instead = await createInvitation(
    { email: 'bob@example.com', role: 'viewer' },
    { tenantId, actor: narrow },
    directory,
  );
  expect(instead).toEqual(refused);
  const admin = await joined('admin@example.com', 'admin');
  const owner = await createInvitation({ email: 'olga@example.com', role: 'owner' }, by, directory);
  if (!owner.ok) throw new Error('refused');
  const byAdmin = { tenantId, actor: { userId: admin.id } };
  expect(await revokeInvitation({ ...byAdmin, invitationId: owner.value.invitation.id }, directory)).toEqual(
    notAllowed,
  );
  expect(await joinByInvitation({ token: made.value.token, password }, {}, directory)).toMatchObject({ ok: true });
});

test('[DIRECTORY-41] an invitation is good while the member who made it could make it, and no longer', async () => {
  const tenantId = ada.tenant.id;
  const invalid = { ok: false, error: { code: 'invitation_invalid' } };
  const bob = await joined('bob@example.com', 'owner');
  const carl = await signedUp(directory, 'carl@example.com', 'Carl Ltd');
  let n = 0;
  for (const role of ROLES) {
    for (const later of [...ROLES, null]) {
      await d1.prepare(`UPDATE members SET role = 'owner' WHERE user_id = ?`).bind(bob.id).run();
      const email = `new${n++}@example.com`;
      const from = { tenantId, actor: { userId: bob.id } };
      const joining = await createInvitation({ email, role }, from, directory);
      const accepting = await createInvitation({ email: 'carl@example.com', role }, from, directory);
      if (!joining.ok || !accepting.ok) throw new Error('refused');
      const change = { tenantId, memberId: bob.id, actor: { userId: ada.user.id } };
      if (later === null) await removeMember(change, directory);
      else if (later !== 'owner') await changeRole({ ...change, role: later }, directory);
      const good = later === 'owner' || (later === 'admin' && role !== 'owner');
      const wanted = good ? { ok: true } : invalid;
      expect(await joinByInvitation({ token: joining.value.token, password }, {}, directory)).toMatchObject(wanted);
      expect(await acceptInvitation(accepting.value.token, carl.user, directory)).toMatchObject(wanted);
      await removeMember({ ...change, memberId: carl.user.id }, directory);
      if (later === null)
        await d1.prepare(`INSERT INTO members VALUES (?, ?, 'owner', 0)`).bind(tenantId, bob.id).run();
    }
  }
});

test('[DIRECTORY-41] a demotion while an invitation is being taken leaves nothing behind', async () => {
  const tenantId = ada.tenant.id;
  const bob = await joined('bob@example.com', 'admin');
  const made = await createInvitation(
    { email: 'new@example.com', role: 'admin' },
    { tenantId, actor: { userId: bob.id } },
    directory,
  );
  if (!made.ok) throw new Error('refused');
  const before = await rowCounts();
  let demoted = false;
  const ids = directory.entropy;
  // Ids are drawn after the first look and before the transaction.
  const racing = {
    ...directory,
    entropy: () => {
      if (!demoted) void d1.prepare(`UPDATE members SET role = 'viewer' WHERE user_id = ?`).bind(bob.id).run();
      demoted = true;
      return ids();
    },
  };
  expect(await joinByInvitation({ token: made.value.token, password }, {}, racing)).toEqual({
    ok: false,
    error: { code: 'invitation_invalid' },
  });
  expect(await rowCounts()).toEqual(before);
});

test('[DIRECTORY-41] an invitation by a key ends with the key, and with what the key may do', async () => {
  const invite = async (email: string) => {
    const made = await createInvitation(
      { email, role: 'operator' },
      { tenantId: ada.tenant.id, actor: key },
      directory,
    );
    if (!made.ok) throw new Error('refused');
    return { token: made.value.token, password };
  };
  const one = await invite('one@example.com');
  const invalid = { ok: false, error: { code: 'invitation_invalid' } };
  directory.apiKeys.delete(keyId);
  expect(await joinByInvitation(one, {}, directory)).toEqual(invalid);
  directory.apiKeys.set(keyId, ROLE_SCOPES.viewer);
  expect(await joinByInvitation(one, {}, directory)).toEqual(invalid);
  directory.apiKeys.set(keyId, ROLE_SCOPES.operator);
  expect(await joinByInvitation(one, {}, directory)).toMatchObject({ ok: true, value: { role: 'operator' } });
});

test('[DIRECTORY-38] so many invitations in a day, those that were taken back included', async () => {
  const from = { tenantId: ada.tenant.id, actor: key };
  const row = `'inv_' || i, ?1, i || '@example.com', 'viewer', 'd' || i, 'revoked', NULL, ?2 + 60000, ?2`;
  await d1
    .prepare(
      `INSERT INTO invitations WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?3) SELECT ${row} FROM n`,
    )
    .bind(ada.tenant.id, directory.clock, invitationsPerDayMax)
    .run();
  const more = () => createInvitation({ email: 'more@example.com', role: 'viewer' }, from, directory);
  expect(await more()).toEqual({ ok: false, error: { code: 'too_many_invitations' } });
  directory.clock += 24 * 3_600_000;
  expect(await more()).toMatchObject({ ok: true });
});
