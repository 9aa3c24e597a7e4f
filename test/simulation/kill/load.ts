// The load: a few users per tenant, each sending one request after the other until it is acknowledged, with a short pause
// between. Bounded in users, not in time: it stops when it is told to, between two requests.

import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { Asked } from './client.ts';
import type { Deed } from './promises.ts';
import type { Tenant } from './tenant.ts';

const thinkMsMax = 25;
/** A task for the device that nobody does in this time has expired: it must end all the same. */
const deviceDeadlineMs = 90_000;

export interface Load {
  /** Lets the users finish the request they are at, and holds them there. */
  hold(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
  requests(): number;
}

type User = (tenant: Tenant, random: Random) => Promise<void>;

/** @param withDevice which tenant has the edge node */
export function startLoad(tenants: readonly Tenant[], withDevice: Tenant, random: Random): Load {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let isHeld = false;
  let isStopped = false;
  let requests = 0;
  let busy = 0;
  let idle = Promise.withResolvers<void>();
  const users: Promise<void>[] = [];

  async function run(user: User, tenant: Tenant, mine: Random): Promise<void> {
    while (!isStopped) {
      await gate.promise;
      if (isStopped) return;
      busy++;
      try {
        await user(tenant, mine);
        requests++;
      } finally {
        busy--;
        if (busy === 0) idle.resolve();
      }
      await pause(mine.between(0, thinkMsMax));
    }
  }
  for (const tenant of tenants) {
    for (const user of [askTask, askTask, moveCredits, holdCredits]) users.push(run(user, tenant, random.fork()));
    if (tenant === withDevice) users.push(run(askDevice, tenant, random.fork()));
  }
  // A user that fails ends the run: its error is the run's.
  const failed = Promise.all(users);
  failed.catch(() => {});
  async function hold(): Promise<void> {
    if (!isHeld) gate = Promise.withResolvers<void>();
    isHeld = true;
    idle = Promise.withResolvers<void>();
    if (busy === 0) idle.resolve();
    await Promise.race([idle.promise, failed]);
  }
  return {
    hold,
    resume() {
      isHeld = false;
      gate.resolve();
    },
    async stop() {
      await hold();
      isStopped = true;
      gate.resolve();
      await failed;
    },
    requests: () => requests,
  };
}

/** Sends a request and remembers what was answered. */
export async function promise(
  deed: Deed,
  tenant: Tenant,
  asked: Omit<Asked, 'method' | 'key'>,
): Promise<string | null> {
  const sent = { ...asked, method: 'POST', key: tenant.key() } as const;
  const { status, answer } = await tenant.client.ask(sent);
  const { id, state, code } = JSON.parse(answer) as { id?: string; state?: string; code?: string };
  if (status >= 300 || id === undefined) {
    tenant.promises.refused.push({ asked: sent, status, code: code ?? '' });
    return null;
  }
  tenant.promises.promised.push({ deed, asked: sent, status, answer, id });
  if (deed === 'task' && status === 200 && state === 'succeeded') tenant.promises.finished.set(id, answer);
  return id;
}

/** A task that the swarm does itself; every third time its end is waited for. */
async function askTask(tenant: Tenant, random: Random): Promise<void> {
  const body = { operation: 'swarm.echo', input: { n: random.between(0, 1e9), of: tenant.name } };
  await promise('task', tenant, { path: '/v1/tasks', body, ...(random.chance(1 / 3) ? { prefer: 'wait=10' } : {}) });
}

/** A task for the device. It brings its text along, so that no folder is needed. */
async function askDevice(tenant: Tenant, random: Random): Promise<void> {
  // A long text now and then: some kills should come in the middle of the work.
  const words = Array.from({ length: random.chance(0.2) ? 4_000 : 40 }, () =>
    random.pick(['swarm', 'robot', 'ledger', 'corridor', 'lease', 'event']),
  );
  await promise('task', tenant, {
    path: '/v1/tasks',
    body: {
      operation: 'text.keywords',
      input: { text: `${words.join(' ')}.` },
      require: { executor: 'device' },
      deadline: new Date(Date.now() + deviceDeadlineMs).toISOString(),
    },
  });
  await pause(random.between(50, 200));
}

/** Posts a transfer; now and then one that must be refused, for ever. */
async function moveCredits(tenant: Tenant, random: Random): Promise<void> {
  const team = `team/${random.between(0, 4)}`;
  const body = random.chance(0.1)
    ? { debit: `poor/${random.between(0, 2)}`, credit: team, amountMicro: 1_000_000 }
    : { debit: 'tenant', credit: team, amountMicro: random.between(1, 500), reference: `load of ${tenant.name}` };
  await promise('posted', tenant, { path: '/v1/ledger/transfers', body });
}

/** Holds credits, and then settles or gives them back; sometimes tries to settle too much first. */
async function holdCredits(tenant: Tenant, random: Random): Promise<void> {
  const amountMicro = random.between(2, 500);
  const body = { debit: 'tenant', credit: `team/${random.between(0, 4)}`, amountMicro, pending: true };
  const hold = await promise('held', tenant, { path: '/v1/ledger/transfers', body });
  if (hold === null || random.chance(0.05)) return;
  const path = `/v1/ledger/transfers/${hold}`;
  if (random.chance(0.1))
    await promise('settled', tenant, { path: `${path}/settle`, body: { amountMicro: amountMicro + 1 } });
  if (random.chance(0.6))
    await promise('settled', tenant, { path: `${path}/settle`, body: { amountMicro: random.between(1, amountMicro) } });
  else await promise('voided', tenant, { path: `${path}/void`, body: {} });
}
