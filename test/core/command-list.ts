// One list of commands with its clock and entropy fixed, run over any SQLite: the journal that comes of it has one head,
// here, there and in every version to come.

import type { DeviceId, EnrollmentId, TaskId } from '../../core/ids.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Execute } from '../../core/swarm/service.ts';
import { liveAttempt } from '../../core/work/state.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { type Head, openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { beginTimers, runTimers } from '../../durable-objects/swarm/timers.ts';
import { aDescription, anOffer } from './builders.ts';
import { createSwarm, entropyOf, OWNER, START } from './memory-swarm.ts';
import { openTries } from './open-tries.ts';

/**
 * The head after `runCommandList`. It changes when an event's shape, its order or the way it is hashed does: then journals
 * that are out in the world change their meaning too, and that is either a mistake or a new schema version.
 */
export const COMMAND_LIST_HEAD: Head = {
  seq: 211,
  hash: 'f5ef98b67b9051590211a8b4cac07139f00a8be46ce8051f1ea4528135ba4f30',
};

/**
 * Runs the list over migrated, empty tables.
 * @param between called after each command, with what opens the store anew
 */
export async function runCommandList(sql: Sql, between?: (reopen: () => void) => void | Promise<void>): Promise<Head> {
  let now = START;
  let draws = 0;
  let sent = 0;
  const open = (): SwarmStore => openSwarmStore(sql, { now: () => now, entropy: () => entropyOf(++draws) });
  let store = open();
  const tries = openTries(sql, () => now);
  const send = (execute: Execute): string => {
    const result = store.executeMany([execute]).executed[0]?.result;
    return result?.ok ? result.value.id : (result?.error.code ?? '');
  };
  const tell = async (command: SwarmCommand, id = `list:${++sent}`): Promise<string> => {
    now += 250;
    const answered = send({ id, actor: OWNER, command, remember: true });
    const timers = { sql, tries, now: () => now, execute: (execute: Execute) => void send(execute) };
    runTimers(beginTimers(timers), timers);
    await between?.(() => {
      store = open();
    });
    return answered;
  };
  const fact = (device: DeviceId, body: object) => {
    const { epoch, seq } = store.read.row('presence', device) ?? { epoch: 1, seq: 0 };
    return tell(
      { type: 'TakeFact', device, epoch, seq: seq + 1, body: body as never },
      `fact/${device}/${epoch}/${seq + 1}`,
    );
  };
  const attemptOf = (task: string) => {
    const row = store.read.row('task', task);
    const attempt = row && liveAttempt(row);
    return { task, attempt: attempt?.id ?? '', fence: attempt?.n ?? 0 };
  };

  await tell(createSwarm({ supplyMicro: 100_000 }));
  const events = ['task.*', 'mission.*'];
  await tell({
    type: 'CreateWebhook',
    webhook: 'whk_1',
    url: 'https://a',
    events,
    description: '€ 𝄞 \u0000',
    sealedSecret: 's',
  });
  const devices: DeviceId[] = [];
  for (const n of [1, 2]) {
    const enrollment = (await tell({ type: 'OpenEnrollment', name: `device ${n}` })) as EnrollmentId;
    const device = (await tell({ type: 'EnrollDevice', enrollment, did: `did:key:z${n}`, name: '' })) as DeviceId;
    devices.push(device);
    await tell({ type: 'AdmitDevice', device, did: `did:key:z${n}`, connection: `con_${n}`, epoch: 0, seq: 0 });
    const operations = [
      anOffer({ priceMicro: 100 * n }),
      anOffer({ name: `text.only-${n}`, priceMicro: 7, leaseMs: 5_000 }),
    ];
    await fact(device, { type: 'device.described', description: aDescription({ operations, parallel: n }) });
  }
  const [first, second] = devices as [DeviceId, DeviceId];
  for (let round = 0; round < 12; round++) {
    const task = await tell({ type: 'RequestTask', operation: 'text.summarize', input: { round, third: round / 3 } });
    const { executor } = store.read.row('task', task)?.attempts.at(-1) ?? { executor: first };
    const of = attemptOf(task);
    if (executor === 'cloud' || of.attempt === '') continue;
    await fact(executor, { type: 'attempt.started', ...of });
    if (round % 4 === 0)
      await fact(executor, {
        type: 'attempt.failed',
        ...of,
        error: { code: 'x', message: '', retryable: true },
        durationMs: round,
      });
    else if (round % 4 === 1) await tell({ type: 'CancelTask', task: task as TaskId });
    else
      await fact(executor, {
        type: 'attempt.succeeded',
        ...of,
        result: { round, long: 'é'.repeat(round) },
        durationMs: 10 * round,
      });
    await tell({
      type: 'HoldTransfer',
      debit: 'tenant',
      credit: 'team/a',
      amountMicro: 1 + round,
      reference: 'x',
      timeoutMs: 400,
    });
    await fact(executor, { type: 'poison', reason: 'x' });
  }
  const tasks = ['a', 'b', 'c'].map((key, n) => ({
    key,
    operation: 'text.only-2',
    input: n,
    after: n === 2 ? ['a', 'b'] : [],
  }));
  await tell({ type: 'StartMission', plan: { tasks } });
  for (let n = 0; n < 2; n++) {
    const leased = store.read.queuedTasks(['text.only-2'], second, now, '', 9);
    const mine = tasks.length - leased.length;
    await tell({ type: 'PostTransfer', debit: 'tenant', credit: 'team/b', amountMicro: mine, reference: '' });
  }
  await tell({ type: 'DeviceLeft', device: first, connection: 'con_1' });
  now += 3_600_000;
  await tell({ type: 'RevokeDevice', device: second });
  now += 31 * 24 * 3_600_000;
  await tell({ type: 'IssueKey', name: 'last', scopes: ['tasks:read'] });
  return store.head();
}
