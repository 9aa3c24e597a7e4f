// How one comes to each limit that can be reached: `at(n)` asks for so much in a swarm of its own, and answers with the code of
// the refusal, or null.

import * as limits from '../../../core/limits.ts';
import type { SwarmCommand } from '../../../core/swarm/commands.ts';
import { setRetention } from '../../../core/wire/archive.ts';
import { deviceFrame, factBody } from '../../../core/wire/device.ts';
import { createTransfer } from '../../../core/wire/resources.ts';
import { aDescription, aDevice, anOffer, attemptOf, fail, request, succeed } from '../../core/builders.ts';
import { aSwarm, FIRST_KEY, START } from '../../core/memory-swarm.ts';
import { StoreSwarm } from '../../core/store-swarm.ts';
import type { ReachedName } from './limit-table.ts';

export interface Probe {
  /** What beyond it is refused with. */
  readonly code: string;
  at(n: number): string | null;
  /** A least and not a most: one less is refused. */
  readonly isLeast?: boolean;
}

const TASK: SwarmCommand = { type: 'RequestTask', operation: 'swarm.echo', input: null };
const MOVE = { debit: 'tenant', credit: 'team/a', reference: '' } as const;
/** Commands decided in one transaction. */
const atOnce = 500;

/** One command, in a new swarm. */
function ask(command: SwarmCommand, supplyMicro = 10_000): string | null {
  return new StoreSwarm({ supplyMicro }).code(command);
}

/** So many of them, one after the other; the code of the last. */
function askTimes(n: number, command: (n: number) => SwarmCommand): string | null {
  const swarm = new StoreSwarm({ supplyMicro: limits.supplyMicroDefault });
  let last: string | null = null;
  for (let done = 0; done < n; done += atOnce) {
    const commands = Array.from({ length: Math.min(atOnce, n - done) }, (_, k) => swarm.envelope(command(done + k)));
    const answer = swarm.store.executeMany(commands).executed.at(-1)?.result;
    last = answer === undefined || answer.ok ? null : answer.error.code;
  }
  return last;
}

/** What a device or the API sends is read by a schema: what does not fit it is no such thing. */
const read = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown): string | null =>
  schema.safeParse(value).success ? null : 'not_read';

const described = (offers: number, leaseMs = 60_000): unknown => ({
  type: 'device.described',
  description: aDescription({
    operations: Array.from({ length: offers }, (_, n) => anOffer({ name: `text.o${n}`, leaseMs })),
  }),
});

const plan = (length: number, after: (n: number) => readonly string[]): SwarmCommand => ({
  type: 'StartMission',
  plan: {
    tasks: Array.from({ length }, (_, n) => ({ key: `k${n}`, operation: 'swarm.echo', input: n, after: after(n) })),
  },
});

const TRIGGER = {
  type: 'CreateTrigger',
  preset: 'github',
  ...{ name: 't', sealedSecret: 's', events: null, mission: null },
  ...{ mapping: null, task: { operation: 'swarm.echo', input: null }, generic: null },
} as const;
const WEBHOOK = {
  type: 'CreateWebhook',
  ...{ url: 'https://receiver.test', description: null, sealedSecret: 's' },
  events: ['task.*'],
} as const;

/** An event is as large as its body, whatever stands in it. */
function largestEvent(n: number): string | null {
  const swarm = new StoreSwarm();
  const move = { type: 'PostTransfer', ...MOVE, amountMicro: 1 } as const;
  swarm.do(move);
  const [row] = swarm.sql.all<{ bytes: number }>('SELECT length(body) AS bytes FROM journal ORDER BY seq DESC LIMIT 1');
  return swarm.code({ ...move, reference: 'x'.repeat(n - (row?.bytes ?? 0)) });
}

/** Devices that are there already are rows like one that was enrolled. */
function nthDevice(n: number): string | null {
  const swarm = new StoreSwarm();
  swarm.sql.run(
    `WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?)
     INSERT INTO device (id, body) SELECT 'dev_' || n, json_object('id', 'dev_' || n, 'did', 'did:' || n) FROM count`,
    n - 1,
  );
  return swarm.code({ type: 'OpenEnrollment' });
}

/** The n-th attempt of a task whose attempts all fail. */
function nthAttempt(n: number): string | null {
  const swarm = aSwarm();
  aDevice(swarm);
  const task = request(swarm);
  for (let made = 1; made < n; made++) {
    fail(swarm, task);
    if (swarm.row('task', task).state === 'failed') return 'failed';
    swarm.fire(`retry/${task}`);
  }
  return attemptOf(swarm, task).n === n ? null : 'no such attempt';
}

function resultOf(bytes: number): string | null {
  const swarm = aSwarm();
  aDevice(swarm);
  const task = request(swarm);
  succeed(swarm, task, 'x'.repeat(bytes - 2));
  const { state, error } = swarm.row('task', task);
  return state === 'succeeded' ? null : (error?.code ?? state);
}

const failed = (chars: number): unknown => ({
  ...{ type: 'attempt.failed', attempt: ATTEMPT, task: `tsk_${ATTEMPT.slice(4)}`, fence: 1, durationMs: 1 },
  error: { code: 'it_broke', message: 'x'.repeat(chars), retryable: true },
});
const ATTEMPT = FIRST_KEY.replace('key_', 'att_');
const order = FIRST_KEY.replace('key_', 'ord_');
const full = 'limit_reached';

export const PROBES: Readonly<Record<ReachedName, Probe>> = {
  eventBodyBytesMax: { code: 'content_too_large', at: largestEvent },
  taskInputBytesMax: { code: 'content_too_large', at: (n) => ask({ ...TASK, input: 'x'.repeat(n - 2) }) },
  taskResultBytesMax: { code: 'result_too_large', at: resultOf },
  errorMessageCharsMax: { code: 'not_read', at: (n) => read(factBody, failed(n)) },
  factsPerBatchMax: {
    code: 'not_read',
    at: (n) => read(deviceFrame, { type: 'facts', epoch: 1, facts: Array(n).fill(null) }),
  },
  ordersInFlightMax: {
    code: 'not_read',
    at: (n) => read(deviceFrame, { type: 'taken', orders: Array(n).fill(order) }),
  },
  attemptsMax: { code: 'failed', at: nthAttempt },
  leaseMsMin: { code: 'not_read', isLeast: true, at: (n) => read(factBody, described(1, n)) },
  leaseMsMax: { code: 'not_read', at: (n) => read(factBody, described(1, n)) },
  deadlineMsMax: { code: 'deadline_too_far', at: (n) => ask({ ...TASK, deadline: START + n }) },
  amountMicroMax: {
    code: 'amount_invalid',
    at: (n) => ask({ type: 'PostTransfer', ...MOVE, amountMicro: n }, limits.amountMicroMax),
  },
  transferTimeoutMsMax: {
    code: 'not_read',
    // Whole seconds.
    at: (n) => read(createTransfer, { ...MOVE, amountMicro: 1, pending: true, timeoutSeconds: Math.ceil(n / 1_000) }),
  },
  planTasksMax: { code: full, at: (n) => ask(plan(n, () => [])) },
  planDepthMax: { code: full, at: (n) => ask(plan(n, (k) => (k === 0 ? [] : [`k${k - 1}`]))) },
  missionsOpenMax: { code: full, at: (n) => askTimes(n, () => plan(1, () => [])) },
  tasksOpenMax: { code: full, at: (n) => askTimes(n, () => TASK) },
  devicesMax: { code: full, at: nthDevice },
  operationsPerDeviceMax: { code: 'not_read', at: (n) => read(factBody, described(n)) },
  // The swarm has one from the start.
  keysMax: { code: full, at: (n) => askTimes(n - 1, (k) => ({ type: 'IssueKey', name: `k${k}`, scopes: ['admin'] })) },
  triggersMax: { code: full, at: (n) => askTimes(n, (k) => ({ ...TRIGGER, trigger: `trg_${k}` })) },
  webhooksMax: { code: full, at: (n) => askTimes(n, (k) => ({ ...WEBHOOK, webhook: `whk_${k}` })) },
  keyGraceMsMax: { code: full, at: (n) => ask({ type: 'RotateKey', key: FIRST_KEY, graceMs: n }) },
  retentionDaysMin: { code: full, isLeast: true, at: (n) => ask({ type: 'SetRetention', days: n }) },
  retentionDaysMax: {
    code: full,
    at: (n) => ask({ type: 'SetRetention', days: n }) ?? read(setRetention, { days: n }),
  },
};
