// A directory over a real, empty D1 database, with a clock that the test moves and a swarm object that it can break.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import type { Scope } from '../../core/keys/scopes.ts';
import { type Directory, type NewSwarm, openDirectory } from '../../functions/directory/directory.ts';
import type { AttemptRule } from '../../functions/directory/limits.ts';
import type { EmailMessage } from '../../functions/directory/mail.ts';
import { type SignedUp, signUp } from '../../functions/directory/sign-up.ts';

declare global {
  interface ImportMeta {
    glob(pattern: string, options: { query: string; import: string; eager: true }): Record<string, string>;
  }
}

const files = import.meta.glob('../../migrations/directory/*.sql', { query: '?raw', import: 'default', eager: true });
const migrations = Object.entries(files)
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, sql]) => ({ name, queries: sql.split('--> statement-breakpoint') }));

/** The binding of the directory, which the configuration of these tests declares. */
export const d1 = (env as { DIRECTORY: D1Database }).DIRECTORY;

export interface TestDirectory extends Directory {
  /** Every call of `createSwarm`, in order. */
  readonly made: NewSwarm[];
  readonly mails: EmailMessage[];
  /** What is done when answers have left. */
  readonly afterwards: Promise<void>[];
  /** What better-auth reported. */
  readonly reports: string[];
  /** What the directory's clock says. The real time at first: better-auth reads the real clock beside it. */
  clock: number;
  /** The API keys that are in force, and what they may do. */
  readonly apiKeys: Map<string, readonly Scope[]>;
  /** While true, `createSwarm` throws. */
  broken: boolean;
}

export const baseUrl = 'http://localhost:8787';
const tables = ['sessions', 'accounts', 'verifications', 'members', 'invitations', 'swarms', 'sign_ups', 'attempts'];

/** Brings the database up to date and empties it. */
export async function aDirectory(
  config: { baseUrl?: string; keepMail?: boolean; signUpRule?: AttemptRule } = {},
): Promise<TestDirectory> {
  await applyD1Migrations(d1, migrations);
  await d1.batch([...tables, 'outgoing_mail', 'tenants', 'users'].map((table) => d1.prepare(`DELETE FROM ${table}`)));
  const made: NewSwarm[] = [];
  const mails: EmailMessage[] = [];
  const reports: string[] = [];
  const afterwards: Promise<void>[] = [];
  const state = {
    made,
    afterwards,
    mails,
    reports,
    clock: Date.now(),
    broken: false,
    apiKeys: new Map<string, readonly Scope[]>(),
  };
  const directory = openDirectory({
    d1,
    secret: new Uint8Array(32).fill(7),
    baseUrl: config.baseUrl ?? baseUrl,
    createSwarm: async (swarm) => {
      if (state.broken) throw new Error('the swarm object does not answer');
      made.push(swarm);
    },
    later: (work) => void afterwards.push(work()),
    keyScopes: async ({ key }) => state.apiKeys.get(key) ?? null,
    ...(config.signUpRule ? { signUpRule: config.signUpRule } : {}),
    ...(config.keepMail ? {} : { sendEmail: async (message: EmailMessage) => void mails.push(message) }),
    report: (message) => void reports.push(message),
    now: () => state.clock,
    entropy: () => new Uint8Array(randomBytes(10)),
  });
  return Object.assign(state, directory);
}

export const password = 'a long enough one';

/** Signs an organization up, and fails the test if that is refused. */
export async function signedUp(
  directory: TestDirectory,
  email = 'ada@example.com',
  organization = 'Ada Ltd',
): Promise<SignedUp> {
  const result = await signUp({ email, password, organization }, {}, directory);
  if (!result.ok) throw new Error(`sign-up was refused: ${result.error.code}`);
  return result.value;
}

/** A request that carries the cookies that an answer set. */
export function withCookies(cookies: readonly string[], init: RequestInit = {}, url = `${baseUrl}/`): Request {
  const headers = new Headers(init.headers);
  headers.set('cookie', cookies.map((cookie) => cookie.split(';')[0]).join('; '));
  return new Request(url, { ...init, headers });
}

/** How many rows each table has. */
export async function rowCounts(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of [...tables, 'tenants', 'users']) {
    counts[table] = (await d1.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>('n')) ?? -1;
  }
  return counts;
}
