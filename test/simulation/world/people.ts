// What people and programs around a swarm do, one thing at a time: ask for work, start missions, move credits, cancel, deliver
// webhooks, change devices, replace keys, and ask for too much.

import type { KeyId, MissionId, TaskId, TransferId, TriggerId } from '../../../core/ids.ts';
import { keyGraceMsMax, planTasksMax, taskInputBytesMax } from '../../../core/limits.ts';
import type { PlanTask } from '../../../core/missions/commands.ts';
import type { SwarmCommand } from '../../../core/swarm/commands.ts';
import type { Client } from './client.ts';
import { OPERATIONS } from './device.ts';
import { archive, follow, fork, importExport, lookBack, type Origin } from './historians.ts';

const ALL_OPERATIONS = [...OPERATIONS, 'swarm.echo'] as const;
/** A swarm, and who acts there on behalf of its owner. */
interface Place extends Origin {
  readonly clerk: Client;
}
type Deed = (realm: Place, client: Client) => void;

/** What may be done, and how often. */
const DEEDS: readonly (readonly [weight: number, Deed])[] = [
  [30, (realm, client) => client.ask(aTask(realm))],
  [3, startMission],
  [8, (realm, client) => client.ask({ type: 'PostTransfer', ...aMovement(realm) })],
  [6, holdAndResolve],
  [3, cancel],
  [4, deliver],
  [2, changeDevice],
  [2, (realm, client) => askAgain(realm, client)],
  [2, otherBody],
  [1, replaceKey],
  [2, askTooMuch],
  [2, raceForCredits],
  [4, archive],
  [4, lookBack],
  [2, fork],
  [2, importExport],
  [1, follow],
];
const WEIGHT = DEEDS.reduce((sum, [weight]) => sum + weight, 0);

/** Somebody does something. */
export function act(realm: Place, client: Client): void {
  let at = realm.world.random.next() * WEIGHT;
  for (const [weight, deed] of DEEDS) {
    at -= weight;
    if (at >= 0) continue;
    deed(realm, client);
    return;
  }
}

function aTask({ world: { random, timeline }, model }: Place): SwarmCommand {
  const require = random.chance(0.1) ? { executor: random.among([...model.devices]) as `dev_${string}` } : undefined; // ids of the journal
  return {
    type: 'RequestTask',
    operation: random.pick(ALL_OPERATIONS),
    input: { n: random.between(0, 999) },
    ...(require?.executor === undefined ? {} : { require }),
    ...(random.chance(0.2) ? { maxCreditsMicro: random.between(50, 250) } : {}),
    ...(random.chance(0.8) ? { deadline: timeline.now() + random.between(2_000, 60_000) } : {}),
  };
}

function aMovement({ world: { random }, model }: Place) {
  const accounts = ['tenant', 'team/a', 'team/b', ...[...model.devices].map((id) => `executor/${id}`)];
  const debit = random.chance(0.6) ? 'tenant' : (random.among(accounts) ?? 'tenant');
  return { debit, credit: random.among(accounts) ?? 'team/a', amountMicro: random.between(1, 300), reference: 'x' };
}

function startMission({ world: { random, timeline } }: Place, client: Client): void {
  const tasks: PlanTask[] = Array.from({ length: random.between(1, 5) }, (_, n) => ({
    key: `k${n}`,
    operation: random.pick(ALL_OPERATIONS),
    input: n > 0 && random.chance(0.3) ? { from: { $result: `k${n - 1}` } } : { n },
    after: n > 0 && random.chance(0.7) ? [`k${n - 1}`] : [],
  })).map((task) => ('from' in task.input ? { ...task, after: [`k${Number(task.key.slice(1)) - 1}`] } : task));
  client.ask({ type: 'StartMission', plan: { tasks }, deadline: timeline.now() + random.between(5_000, 60_000) });
}

/** Holds credits; then settles, voids, or both at the moment when the hold expires. */
function holdAndResolve(realm: Place, client: Client): void {
  const { world } = realm;
  const { random, faults } = world;
  const timeoutMs = random.between(500, 5_000);
  client.ask({ type: 'HoldTransfer', ...aMovement(realm), debit: 'tenant', timeoutMs }, ({ result }) => {
    if (!result.ok) return;
    const hold = result.value.id as TransferId; // of a hold
    const settle: SwarmCommand = { type: 'SettleTransfer', hold, amountMicro: random.between(0, 100) };
    const isRace = faults.tempts('resolution-race');
    let losers = 0;
    const lost = (executed: { result: { ok: boolean; error?: { code: string } } }): void => {
      if (executed.result.error?.code !== 'hold_already_resolved') return;
      losers++;
      if (isRace && losers === 1) faults.count('resolution-race');
    };
    const ms = isRace ? timeoutMs - random.between(0, 40) : random.between(1, 2 * timeoutMs);
    world.timeline.after(ms, client.actor, () => {
      if (isRace || random.chance(0.5)) client.ask(settle, lost);
      if (isRace || random.chance(0.3)) client.ask({ type: 'VoidTransfer', hold }, lost);
    });
  });
}

function cancel({ world: { random }, model }: Place, client: Client): void {
  const mission = random.among(model.missions());
  const task = random.among(model.tasks());
  if (mission !== undefined && random.chance(0.3))
    client.ask({ type: 'CancelMission', mission: mission as MissionId }); // of the journal
  else if (task !== undefined) client.ask({ type: 'CancelTask', task: task as TaskId }); // of the journal
}

/** A sender of webhooks delivers, and perhaps once more. */
function deliver({ world }: Place, client: Client): void {
  const { random, faults, timeline } = world;
  const n = ++world.counter;
  const execute = {
    id: `hook:trg_1:${n}`,
    actor: { kind: 'trigger', id: 'trg_1' },
    command: {
      type: 'FireTrigger',
      trigger: 'trg_1' as TriggerId,
      delivery: `d${n}`,
      eventType: 'push',
      payload: { text: `n${n}` },
    },
    remember: true,
  } as const;
  client.send(execute, () => {
    if (!faults.strikes('sender-repeats')) return;
    timeline.after(random.between(1, 60_000), client.actor, () => client.send(execute));
  });
}

function changeDevice({ world: { random }, model }: Place, client: Client): void {
  const device = random.among([...model.devices]) as `dev_${string}` | undefined; // of the journal
  if (device === undefined) return;
  if (model.devices.size > 1 && model.revoked.size === 0 && random.chance(0.03))
    client.ask({ type: 'RevokeDevice', device });
  else client.ask({ type: 'ChangeDevice', device, desired: { parallel: random.between(1, 3) } });
}

/** The same again. After 30 days an answer is still the same. */
export function askAgain({ world, model }: Place, client: Client): void {
  const { random, faults, timeline } = world;
  const id = random.among(model.heldIds);
  if (id === undefined || !faults.strikes('repeated-later')) return;
  if (timeline.now() - (model.held.get(id)?.at ?? 0) > 30 * 24 * 3_600_000) faults.count('repeated-after-30-days');
  client.repeat(id);
}

/** Another request under an id that was used: refused, whatever became of the first. */
function otherBody({ world, swarm, model }: Place, client: Client): void {
  const { random, faults, network } = world;
  const held = model.held.get(random.among(model.heldIds) ?? '');
  if (held === undefined || !faults.tempts('other-body')) return;
  const command: SwarmCommand = {
    type: 'PostTransfer',
    ...{ debit: 'tenant', credit: 'team/b', amountMicro: 1_000 + ++world.counter, reference: 'other' },
  };
  network.ask(client.actor, swarm, 'execute', [{ ...held.execute, actor: world.owner, command }], (outcome) => {
    if (!outcome.ok) return;
    const { result } = outcome.value as { result: { ok: boolean; error?: { code: string } } }; // what `execute` resolves to
    const code = result.ok ? 'done' : result.error?.code;
    if (code === 'idempotency_key_reused') faults.count('other-body');
    else if (code !== 'breaker_open')
      world.findings.add('changed', held.execute.id, `another body under its id: ${code}`);
  });
}

function replaceKey({ world, clerk }: Place, client: Client): void {
  const { random, faults } = world;
  const { as } = client;
  if (as.kind !== 'key' || !faults.tempts('key-rotated')) return;
  if (client.open > 0) faults.count('key-rotated');
  const graceMs = random.chance(0.5) ? 0 : random.between(0, 2_000);
  clerk.ask({ type: 'RotateKey', key: as.id as KeyId, graceMs }, ({ result }) => {
    if (result.ok) client.as = { ...as, id: result.value.id };
  });
}

/** One more than a limit allows: refused whole. */
function askTooMuch({ world }: Place, client: Client): void {
  const { random, faults } = world;
  if (!faults.strikes('oversized-command')) return;
  const large = 'x'.repeat(taskInputBytesMax + 1);
  const tasks = Array.from({ length: planTasksMax + 1 }, (_, n) => ({
    key: `k${n}`,
    operation: 'swarm.echo',
    input: n,
  }));
  const commands: readonly [SwarmCommand, ...SwarmCommand[]] = [
    { type: 'RequestTask', operation: 'swarm.echo', input: large },
    { type: 'StartMission', plan: { tasks } },
    { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 2 ** 53, reference: '' },
    { type: 'RotateKey', key: 'key_none', graceMs: keyGraceMsMax + 1 },
  ];
  const command = random.pick(commands);
  client.ask(command, ({ result }) => {
    if (result.ok && command.type !== 'StartMission')
      world.findings.add('work', `${command.type}`, 'more than the limit was accepted');
  });
}

/** Several ask at once for what is there once. */
function raceForCredits({ world, model }: Place, client: Client): void {
  const { faults, random } = world;
  if (!faults.tempts('overspend-race')) return;
  const account = model.books.accounts().get('tenant');
  const available = (account?.postedMicro ?? 0) - (account?.heldMicro ?? 0);
  if (available < 10) return;
  let won = 0;
  let lost = 0;
  for (let n = 0; n < 4; n++)
    client.ask(
      {
        type: 'PostTransfer',
        ...{ debit: 'tenant', credit: `executor/${random.among([...model.devices]) ?? 'cloud'}` },
        ...{ amountMicro: Math.ceil(available * 0.6), reference: 'race' },
      },
      ({ result }) => {
        if (result.ok) won++;
        else if (result.error.code === 'credits_insufficient') lost++;
        if (won === 1 && lost >= 1 && won + lost === 4) faults.count('overspend-race');
      },
    );
}
