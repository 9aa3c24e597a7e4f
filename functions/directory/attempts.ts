// Counts attempts at passwords, so that guessing is slow. The counters are rows in D1: an isolate's memory forgets, and there
// are many isolates. Counting comes before checking, in one transaction, so parallel guesses cannot all pass.

import { and, eq, inArray, lte, ne, type SQL, sql } from 'drizzle-orm';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import type { DirectoryDatabase } from './database.ts';
import { type DirectoryKeys, keyedDigest } from './keys.ts';
import { ATTEMPT_RULES, type AttemptKind, type AttemptRule, attemptsPrunedMax } from './limits.ts';
import { attempts } from './schema.ts';

/** Who tries: the e-mail address they name, and the network address they come from when the platform tells. */
export interface Attempt {
  readonly email: string;
  readonly address: string | null;
}

export interface AttemptDeps {
  readonly db: DirectoryDatabase;
  readonly keys: Pick<DirectoryKeys, 'digests'>;
  now(): number;
}

export type TooManyAttempts = { readonly code: 'too_many_attempts'; readonly retryAfterSeconds: number };

interface Counter {
  readonly key: string;
  readonly rule: AttemptRule;
}

/** Counts an attempt, and refuses it when there were too many. One round trip. */
export async function countAttempt(
  kind: AttemptKind,
  attempt: Attempt,
  deps: AttemptDeps,
): Promise<Result<null, TooManyAttempts>> {
  const at = deps.now();
  const [pair, ...wide] = countersOf(kind, attempt, deps.keys.digests);
  const { db } = deps;
  // What the pair's counter refuses is not counted against the person or the network.
  const allowed = sql`(SELECT ${attempts.count} FROM ${attempts} WHERE ${eq(attempts.key, pair.key)}) <= ${pair.rule.max}`;
  const ended = and(lte(attempts.endsAt, new Date(at)), ne(attempts.key, pair.key));
  const pruned = db.select({ key: attempts.key }).from(attempts).where(ended).limit(attemptsPrunedMax);
  const [, first, ...others] = await db.batch([
    db.delete(attempts).where(inArray(attempts.key, pruned)),
    count(pair, at, sql`1`, db),
    ...wide.map((counter) => count(counter, at, allowed, db)),
  ]);
  let endsAt = 0;
  for (const [i, { rule }] of [pair, ...wide].entries()) {
    // A counter that was not touched answers with no row.
    const row = [first, ...others][i]?.[0];
    if (row && row.count > rule.max) endsAt = Math.max(endsAt, row.endsAt.getTime());
  }
  if (endsAt === 0) return ok(null);
  return refusal(endsAt - at);
}

/** Counts a sign-up from a network address, and refuses it when there were too many. */
export async function countSignUp(
  address: string,
  rule: AttemptRule,
  deps: AttemptDeps,
): Promise<Result<null, TooManyAttempts>> {
  const at = deps.now();
  const key = keyedDigest('attempt sign-up address', [address], deps.keys.digests);
  const [row] = await count({ key, rule }, at, sql`1`, deps.db);
  return !row || row.count <= rule.max ? ok(null) : refusal(row.endsAt.getTime() - at);
}

/** Starts the pair's counter anew: they knew the password. The wider counters stay. */
export async function forgetAttempts(kind: AttemptKind, attempt: Attempt, deps: AttemptDeps): Promise<void> {
  const [pair] = countersOf(kind, attempt, deps.keys.digests);
  await deps.db.delete(attempts).where(eq(attempts.key, pair.key));
}

function refusal(waitMs: number) {
  return err({ code: 'too_many_attempts' as const, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
}

function countersOf(kind: AttemptKind, { email, address }: Attempt, key: Uint8Array): [Counter, ...Counter[]] {
  const rules = ATTEMPT_RULES[kind];
  const named = (name: string, ...parts: string[]) => keyedDigest(`attempt ${kind} ${name}`, parts, key);
  const counters: [Counter, ...Counter[]] = [
    { key: named('pair', email, address ?? ''), rule: rules.pair },
    { key: named('email', email), rule: rules.email },
  ];
  if (address !== null) counters.push({ key: named('address', address), rule: rules.address });
  return counters;
}

/** Adds one to a counter, when `when` holds, or starts it anew when its window has ended. */
function count({ key, rule }: Counter, at: number, when: SQL, db: DirectoryDatabase) {
  const ended = lte(attempts.endsAt, new Date(at));
  return db
    .insert(attempts)
    .select(sql`SELECT ${key}, 1, ${at + rule.windowMs} WHERE ${when}`)
    .onConflictDoUpdate({
      target: attempts.key,
      set: {
        count: sql`CASE WHEN ${ended} THEN 1 ELSE ${attempts.count} + 1 END`,
        endsAt: sql`CASE WHEN ${ended} THEN excluded.ends_at ELSE ${attempts.endsAt} END`,
      },
    })
    .returning({ count: attempts.count, endsAt: attempts.endsAt });
}
