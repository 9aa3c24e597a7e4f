// Signing up: a user, a tenant, their membership as owner and the tenant's first swarm, all or nothing. The rows are one D1
// batch (a transaction). The swarm object is made after it, while its row says `creating`; a crash in between is repaired by
// the next sign-up with the same password, log-in or session.

import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type KeyId, newId } from '../../core/ids.ts';
import { canonical } from '../../core/json.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { countAttempt, countSignUp, forgetAttempts, type TooManyAttempts } from './attempts.ts';
import { addressOf } from './auth.ts';
import { newRowId, querying } from './database.ts';
import type { Directory } from './directory.ts';
import { type InvalidRequest, invalidRequest } from './invalid-request.ts';
import { keyedDigest } from './keys.ts';
import { emailCharsMax, idempotencyKeyCharsMax, nameCharsMax, passwordCharsMax } from './limits.ts';
import {
  hashPassword,
  type PasswordsBusy,
  type PasswordWeakness,
  passwordWeakness,
  verifyPassword,
} from './password.ts';
import { accounts, members, signUps, swarms, tenants, users } from './schema.ts';
import { type Caller, headersOf, openSession, type SignedIn } from './session.ts';
import { findStanding, finishStanding } from './standing.ts';

/** A name shown in one line: no control characters, none that turn the direction of the text around it, something to see. */
export const displayName = z
  .string()
  .trim()
  .min(1)
  .max(nameCharsMax)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]*$/u, 'expected one line of text');

export const signUpInput = z.strictObject({
  email: z.string().trim().toLowerCase().max(emailCharsMax).pipe(z.email()),
  password: z.string().min(1).max(passwordCharsMax),
  organization: displayName,
});
export type SignUpInput = z.infer<typeof signUpInput>;

export interface SignUpCaller extends Caller {
  /** The client's `Idempotency-Key`. Keys are the platform's, not a tenant's: clients should make them unguessable. */
  readonly idempotencyKey?: string | undefined;
}

export interface SignedUp extends SignedIn {
  /** The API key to be made, or made again, for the answer: the same at every repetition. */
  readonly keyId: KeyId;
  /** True when this is the answer to an earlier sign-up. `cookies` is empty if its password has been changed since. */
  readonly replayed: boolean;
}

export type SignUpRejection =
  | InvalidRequest
  | TooManyAttempts
  | PasswordsBusy
  | { readonly code: 'password_too_weak'; readonly weakness: PasswordWeakness }
  | { readonly code: 'email_taken' | 'idempotency_key_reused' };

/** What is known of an address and an idempotency key before a sign-up. */
interface Known {
  readonly signUp: typeof signUps.$inferSelect | undefined;
  readonly user: { readonly id: string; readonly password: string | null } | undefined;
}

/** The rows that a sign-up made. */
interface Made {
  readonly userId: string;
  readonly tenantId: string;
}

interface Digests {
  readonly keyDigest: string;
  readonly bodyDigest: string;
}

/**
 * Signs an organization up. A repetition with the same idempotency key and body gives the same answer.
 * @param input `{ email, password, organization }`, not yet checked
 * @throws whatever `createSwarm` throws; the sign-up is then unfinished, and repeating it finishes it
 */
export async function signUp(
  input: unknown,
  caller: SignUpCaller,
  directory: Directory,
): Promise<Result<SignedUp, SignUpRejection>> {
  const parsed = signUpInput.safeParse(input);
  if (!parsed.success) return err(invalidRequest(parsed.error));
  const body = parsed.data;
  if (caller.idempotencyKey !== undefined && !isIdempotencyKey(caller.idempotencyKey)) {
    return err({
      code: 'invalid_request',
      errors: [{ pointer: '', message: 'expected an idempotency key of 1 to 255 characters' }],
    });
  }
  const weakness = passwordWeakness(body.password, body.email);
  if (weakness) return err({ code: 'password_too_weak', weakness });
  const digests =
    caller.idempotencyKey === undefined ? null : digestsOf(caller.idempotencyKey, body, directory.keys.digests);

  return querying(async () => {
    const known = await readKnown(body.email, digests, directory);
    if (known.signUp || known.user) return answerKnown(known, body, digests, caller, directory);
    const address = addressOf(headersOf(caller));
    if (directory.signUpRule && address !== null) {
      const counted = await countSignUp(address, directory.signUpRule, directory);
      if (!counted.ok) return counted;
    }
    const password = await hashPassword(body.password, directory.stretch);
    if (!password.ok) return password;
    let made: Made;
    try {
      made = await establish(body, { password: password.value }, digests, directory);
    } catch (error) {
      // Someone else may have taken the address or the key while the password was being hashed. If so, that is the answer.
      const now = await readKnown(body.email, digests, directory);
      if (!now.signUp && !now.user) throw error;
      return answerKnown(now, body, digests, caller, directory);
    }
    return answer(made, { open: true, replayed: false }, caller, directory);
  });
}

/** The answer when the address or the idempotency key is known already. */
async function answerKnown(
  known: Known,
  body: SignUpInput,
  digests: Digests | null,
  caller: SignUpCaller,
  directory: Directory,
): Promise<Result<SignedUp, SignUpRejection>> {
  const { signUp: earlier, user } = known;
  if (earlier) {
    if (earlier.bodyDigest !== digests?.bodyDigest) return err({ code: 'idempotency_key_reused' });
    // The body is the same, the password may not be any more: then nobody is logged in by it.
    const open = await verifyPassword(body.password, user?.password ?? '', directory.stretch);
    return open.ok ? answer(earlier, { open: open.value, replayed: true }, caller, directory) : open;
  }
  if (!user || user.password === null) return err({ code: 'email_taken' });
  const unfinished = await findUnfinished(user.id, directory);
  if (unfinished === 'finished') return err({ code: 'email_taken' });

  // Their sign-up was cut off, or they were removed from every tenant: with the right password it goes on from there.
  const attempt = { email: body.email, address: addressOf(headersOf(caller)) };
  const counted = await countAttempt('login', attempt, directory);
  if (!counted.ok) return counted;
  const verified = await verifyPassword(body.password, user.password, directory.stretch);
  if (!verified.ok) return verified;
  if (!verified.value) return err({ code: 'email_taken' });
  await forgetAttempts('login', attempt, directory);
  const made = unfinished ?? (await establish(body, { userId: user.id }, digests, directory));
  if (unfinished && digests) await remember(digests, made, directory);
  return answer(made, { open: true, replayed: false }, caller, directory);
}

/** Where a known user's sign-up stands: finished, cut off in a tenant, or (null) in no tenant at all. */
async function findUnfinished(userId: string, { db }: Pick<Directory, 'db'>): Promise<'finished' | Made | null> {
  const rows = await db
    .select({ tenantId: members.tenantId, role: members.role, status: swarms.status })
    .from(members)
    .innerJoin(swarms, eq(swarms.tenantId, members.tenantId))
    .where(eq(members.userId, userId));
  if (rows.length === 0) return null;
  const creating = rows.find((row) => row.role === 'owner' && row.status === 'creating');
  return creating ? { userId, tenantId: creating.tenantId } : 'finished';
}

/** Writes the rows of a sign-up in one transaction: of a new user with this password's hash, or for a known one only the tenant's. */
async function establish(
  body: SignUpInput,
  who: { readonly password: string } | { readonly userId: string },
  digests: Digests | null,
  { db, now, entropy }: Directory,
): Promise<Made> {
  const at = now();
  const createdAt = new Date(at);
  const times = { createdAt, updatedAt: createdAt };
  const userId = 'userId' in who ? who.userId : newId('usr', at, entropy());
  const tenantId = newId('tnt', at, entropy());
  const swarm = { id: newId('swm', at, entropy()), firstKey: newId('key', at, entropy()) };
  const name = body.email.slice(0, body.email.indexOf('@'));
  const password = 'password' in who ? who.password : null;
  await db.batch([
    db.insert(tenants).values({ id: tenantId, name: body.organization, createdAt }),
    ...(password === null
      ? []
      : [
          db.insert(users).values({ id: userId, name, email: body.email, ...times }),
          db.insert(accounts).values({
            id: newRowId('acc', at, entropy()),
            accountId: userId,
            providerId: 'credential',
            userId,
            password,
            ...times,
          }),
        ]),
    db.insert(members).values({ tenantId, userId, role: 'owner', createdAt }),
    db.insert(swarms).values({ ...swarm, tenantId, name: 'main', status: 'creating', createdAt }),
    ...(digests ? [db.insert(signUps).values({ ...digests, userId, tenantId, createdAt })] : []),
  ]);
  return { userId, tenantId };
}

/** Lets a sign-up that goes on under an idempotency key be repeated under it. */
async function remember(digests: Digests, made: Made, { db, now }: Directory): Promise<void> {
  const row = { ...digests, ...made, createdAt: new Date(now()) };
  await db.insert(signUps).values(row).onConflictDoNothing();
}

/** Finishes the swarm, opens a session and says who is where. */
async function answer(
  made: Made,
  how: { readonly open: boolean; readonly replayed: boolean },
  caller: SignUpCaller,
  directory: Directory,
): Promise<Result<SignedUp, SignUpRejection>> {
  const found = await findStanding(made.userId, made.tenantId, directory);
  // The owner of that sign-up has left its tenant since: the address is theirs, the answer is not to be had again.
  if (!found) return err({ code: 'email_taken' });
  const standing = await finishStanding(found, directory);
  const cookies = how.open ? await openSession(made, caller, directory) : [];
  return ok({ ...standing, keyId: found.keyId, cookies, replayed: how.replayed });
}

async function readKnown(email: string, digests: Digests | null, { db }: Pick<Directory, 'db'>): Promise<Known> {
  const [foundSignUps, foundUsers] = await db.batch([
    db
      .select()
      .from(signUps)
      .where(eq(signUps.keyDigest, digests?.keyDigest ?? '')),
    db
      .select({ id: users.id, password: accounts.password })
      .from(users)
      .leftJoin(accounts, and(eq(accounts.userId, users.id), eq(accounts.providerId, 'credential')))
      .where(eq(users.email, email)),
  ]);
  return { signUp: foundSignUps[0], user: foundUsers[0] };
}

function digestsOf(idempotencyKey: string, body: SignUpInput, key: Uint8Array): Digests {
  return {
    keyDigest: keyedDigest('sign-up key', [idempotencyKey], key),
    bodyDigest: keyedDigest('sign-up body', [canonical(body)], key),
  };
}

function isIdempotencyKey(text: string): boolean {
  return text.length > 0 && text.length <= idempotencyKeyCharsMax;
}
