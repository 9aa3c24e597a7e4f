// Lies that the checker must find: what a server that breaks its promises would look like to a client. Each is told to the very
// functions that check the real run; one that is not found means that the checker proves nothing.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type FindingKind, type Findings, openFindings } from '../model/findings.ts';
import type { Random } from '../random.ts';
import { checkNow, checkWhole } from './checks.ts';
import type { Answered, Asked, Client } from './client.ts';
import { promise } from './load.ts';
import type { ServerProcess } from './server-process.ts';
import { openTenant, signUpTenant, type Tenant } from './tenant.ts';

interface Lie {
  readonly name: string;
  /** What the checker must call it. */
  readonly kind: FindingKind;
  /** Changes what the tenant remembers. */
  remember?(tenant: Tenant): void;
  /** Changes what the server answers. */
  hear?(asked: Asked, answered: Answered): Answered;
}

/** Replaces the first match in the answers to requests whose path starts so. */
function twist(path: string, pattern: RegExp, change: (found: string) => string): NonNullable<Lie['hear']> {
  return (asked, answered) =>
    asked.path.startsWith(path) ? { ...answered, answer: answered.answer.replace(pattern, change) } : answered;
}

const digit = (found: string): string => found.replace(/\d(?=\D*$)/, (last) => `${(Number(last) + 1) % 10}`);
const hexDigit = (found: string): string => found.replace(/[0-9a-f](?=")/, (last) => (last === '0' ? '1' : '0'));

export const LIES: readonly Lie[] = [
  {
    name: 'an acknowledgement that no server gave',
    kind: 'lost',
    remember: ({ promises }) => {
      const [first] = promises.promised;
      if (first) promises.promised.push({ ...first, asked: { ...first.asked, key: 'never-sent' } });
    },
  },
  {
    name: 'an answer with one other byte',
    kind: 'changed',
    remember: ({ promises }) => {
      const [first] = promises.promised;
      if (first) promises.promised[0] = { ...first, answer: first.answer.replace('"createdAt":"2', '"createdAt":"3') };
    },
  },
  {
    name: 'a refusal that was another one before',
    kind: 'changed',
    remember: ({ promises }) => {
      const [first] = promises.refused;
      if (first) promises.refused[0] = { ...first, code: 'transfer_to_itself' };
    },
  },
  { name: 'an event with another amount', kind: 'journal', hear: twist('/v1/journal?', /"amountMicro":\d+/, digit) },
  {
    name: 'an event with another hash',
    kind: 'journal',
    hear: twist('/v1/journal?', /"hash":"[0-9a-f]{64}"/, hexDigit),
  },
  {
    name: 'a checkpoint of another history',
    kind: 'checkpoint',
    hear: twist('/v1/journal/checkpoint', /"head":"[0-9a-f]{64}"/, hexDigit),
  },
  {
    name: 'an account with one credit more',
    kind: 'books',
    hear: twist('/v1/ledger/accounts', /"postedMicro":\d+/, digit),
  },
  {
    name: 'a hold that was settled twice',
    kind: 'doubled',
    remember: ({ mirror }) => {
      const body = {
        transfer: 'trf_x',
        hold: 'trf_y',
        debit: 'tenant',
        credit: 'team/0',
        amountMicro: 0,
        heldMicro: 0,
      };
      mirror.books.take('transfer.settled', body as unknown as Readonly<Record<string, never>>);
    },
  },
  {
    name: 'a task that was done twice',
    kind: 'doubled',
    remember: ({ mirror, promises }) => {
      const task = promises.promised.find(({ deed }) => deed === 'task')?.id;
      for (const attempt of ['att_x', 'att_y']) {
        mirror.work.take('task.leased', { task, attempt, hold: '' } as unknown as Readonly<Record<string, never>>);
        mirror.work.take('attempt.succeeded', { task, attempt } as unknown as Readonly<Record<string, never>>);
      }
    },
  },
  {
    name: 'a fact that counted twice',
    kind: 'doubled',
    remember: ({ mirror }) => {
      for (const [i, seq] of [1, 2, 1].entries()) mirror.facts.take(`fact/dev_x/1/${seq}`, 1_000_000 + i);
    },
  },
];

/** The one lie that is told with the real server: a disk that forgets what it said was written. */
const FORGETFUL_DISK = 'a disk that went back to what it was';

/**
 * Tells each lie to the checker, on a tenant of its own. Answers with the names of those that it did not find.
 * @param home the server's home, from which its data is taken away
 */
export async function plantLies(
  server: ServerProcess,
  home: string,
  random: Random,
  findings: Findings,
): Promise<string[]> {
  const { url } = server;
  const quiet = openFindings(() => {});
  const honest = await signUpTenant(`planted-${random.between(0, 1e9)}`, { url, findings: quiet, follow: false });
  await someWork(honest);
  await checkNow(honest, random, quiet);
  await checkWhole(honest, quiet);
  if (quiet.count() > 0)
    throw new Error(`the checker finds fault with an honest server: ${JSON.stringify(quiet.all()[0])}`);
  const missed: string[] = [];
  for (const lie of LIES) {
    const found = openFindings(() => {});
    const told = retell(honest, lie, url, found);
    await told.mirror.catchUp();
    lie.remember?.(told);
    await checkNow(told, random, found);
    await checkWhole(told, found);
    if (found.count(lie.kind) === 0) missed.push(lie.name);
    pass(lie.name, found, findings);
  }
  const found = openFindings(() => {});
  await forget(honest, server, home);
  const told = retell(honest, { name: FORGETFUL_DISK, kind: 'lost' }, url, found);
  await checkNow(told, random, found);
  await checkWhole(told, found);
  if (found.count('lost') === 0) missed.push(FORGETFUL_DISK);
  pass(FORGETFUL_DISK, found, findings);
  return missed;
}

/** The server acknowledges work, and after a kill its files are those from before it. */
async function forget(tenant: Tenant, server: ServerProcess, home: string): Promise<void> {
  const state = join(home, 'state');
  const copy = join(home, '..', 'forgetful');
  await server.whileKilled(() => cpSync(state, copy, { recursive: true }));
  await server.healthy();
  await someWork(tenant);
  await server.whileKilled(() => {
    rmSync(state, { recursive: true });
    cpSync(copy, state, { recursive: true });
  });
  await server.healthy();
}

function pass(lie: string, found: Findings, findings: Findings): void {
  for (const { kind, subject, detail } of found.all()) findings.add(kind, `planted, ${lie}: ${subject}`, detail);
}

async function someWork(tenant: Tenant): Promise<void> {
  for (let n = 0; n < 3; n++) {
    await promise('task', tenant, { path: '/v1/tasks', body: { operation: 'swarm.echo', input: n } });
    await promise('posted', tenant, {
      path: '/v1/ledger/transfers',
      body: { debit: 'tenant', credit: 'team/0', amountMicro: 7 },
    });
  }
  await promise('posted', tenant, {
    path: '/v1/ledger/transfers',
    body: { debit: 'poor/0', credit: 'team/0', amountMicro: 7 },
  });
}

/** The same tenant, seen by a checker that has read nothing yet, through a client that lies. */
function retell(honest: Tenant, lie: Lie, url: string, findings: Findings): Tenant {
  const { promises } = honest;
  const copy = {
    promised: [...promises.promised],
    refused: [...promises.refused],
    finished: new Map(promises.finished),
  };
  const hear = lie.hear ?? ((_, answered) => answered);
  const ask = async (asked: Asked): Promise<Answered> => hear(asked, await honest.client.ask(asked));
  const client: Client = {
    ask,
    acknowledged: ask,
    read: async <T>(path: string) => JSON.parse((await ask({ method: 'GET', path })).answer) as T,
    retries: () => 0,
  };
  const told = openTenant(honest.name, '', { url, findings, follow: false, client });
  return { ...told, promises: copy };
}
