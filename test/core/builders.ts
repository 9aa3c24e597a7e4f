// What tests of decisions are made of: devices that are in, facts that they say, tasks in any state.

import { generateKeyPairSync } from 'node:crypto';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { factIdText } from '../../core/devices/fact-id.ts';
import { type DeviceId, newId, type TaskId } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import type { Route } from '../../core/routes/state.ts';
import type { DeviceDescription, FactBody, OfferedOperation } from '../../core/wire/device.ts';
import type { TaskRequest } from '../../core/work/commands.ts';
import type { Attempt, Task } from '../../core/work/state.ts';
import { entropyOf, type MemorySwarm, type Outcome, START } from './memory-swarm.ts';

/** A did:key of a fresh key. */
export function aDid(): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  return didFromPublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)));
}

export function anOffer(offer: Partial<OfferedOperation> = {}): OfferedOperation {
  return {
    name: 'text.summarize',
    version: '1.0.0',
    summary: 'Says it shorter.',
    input: {},
    output: {},
    priceMicro: 100,
    leaseMs: 60_000,
    ...offer,
  };
}

export function aDescription(description: Partial<DeviceDescription> = {}): DeviceDescription {
  return {
    runtime: 'node 26',
    platform: 'linux x64',
    privacy: 'confidential',
    parallel: 1,
    capabilities: [],
    operations: [anOffer()],
    ...description,
  };
}

/** A device that is enrolled, connected and described. */
export function aDevice(swarm: MemorySwarm, description: Partial<DeviceDescription> = {}): DeviceId {
  const device = anEnrolledDevice(swarm);
  connect(swarm, device);
  says(swarm, device, { type: 'device.described', description: aDescription(description) });
  return device;
}

/** A device that is enrolled and was never here. */
export function anEnrolledDevice(swarm: MemorySwarm, did = aDid()): DeviceId {
  const enrollment = swarm.do({ type: 'OpenEnrollment' }) as `enr_${string}`;
  return swarm.do({ type: 'EnrollDevice', enrollment, did, name: 'a device' }) as DeviceId;
}

/** Lets a device in, as its outbox is. */
export function connect(swarm: MemorySwarm, device: DeviceId, connection = 'con_1'): Outcome {
  const { did } = swarm.row('device', device);
  const { epoch, seq } = swarm.row('presence', device);
  return swarm.when({ type: 'AdmitDevice', device, did, connection, epoch, seq });
}

/** The device's next fact. */
export function says(
  swarm: MemorySwarm,
  device: DeviceId,
  body: FactBody | { type: 'poison'; reason: string },
): Outcome {
  const { epoch, seq: last } = swarm.row('presence', device);
  const seq = last + 1;
  const id = factIdText({ device, epoch, seq });
  return swarm.when({ type: 'TakeFact', device, epoch, seq, body }, { id, actor: { kind: 'device', id: device } });
}

/** Asks for a task; it must be taken. */
export function request(swarm: MemorySwarm, request: Partial<TaskRequest> = {}): TaskId {
  return swarm.do({ type: 'RequestTask', operation: 'text.summarize', input: { text: 'long' }, ...request }) as TaskId;
}

/** The attempt in force of a task. */
export function attemptOf(swarm: MemorySwarm, task: string): Attempt {
  const attempt = swarm.row('task', task).attempts.at(-1);
  if (!attempt) throw new Error(`${task} was never leased`);
  return attempt;
}

/** What the executor of a task says of its attempt. */
export function reports(
  swarm: MemorySwarm,
  task: TaskId,
  report:
    | { type: 'attempt.started' }
    | { type: 'attempt.progressed'; fraction: number }
    | { type: 'attempt.succeeded'; result: Json; durationMs: number }
    | { type: 'attempt.failed'; error: { code: string; message: string; retryable: boolean }; durationMs: number }
    | { type: 'attempt.declined'; code: string; message: string },
): Outcome {
  const { id: attempt, n: fence, executor } = attemptOf(swarm, task);
  if (executor === 'cloud') return swarm.when({ type: 'ReportAttempt', executor, task, attempt, fence, report });
  return says(swarm, executor, { ...report, task, attempt, fence });
}

/** Its executor has done it. */
export function succeed(swarm: MemorySwarm, task: TaskId, result: Json = 'short'): Outcome {
  return reports(swarm, task, { type: 'attempt.succeeded', result, durationMs: 10 });
}

/** Its executor could not do it. */
export function fail(swarm: MemorySwarm, task: TaskId, retryable = true): Outcome {
  const error = { code: 'it_broke', message: 'It broke.', retryable };
  return reports(swarm, task, { type: 'attempt.failed', error, durationMs: 10 });
}

/** A route with nothing measured. */
export function aRoute(route: Partial<Route> = {}): Route {
  const operation = route.operation ?? 'text.summarize';
  const executor = route.executor ?? newId('dev', START, entropyOf(1));
  return {
    id: `${operation}@${executor}`,
    operation,
    executor,
    version: '1.0.0',
    summary: '',
    input: {},
    output: {},
    priceMicro: 100,
    leaseMs: 60_000,
    privacy: 'confidential',
    capabilities: [],
    active: true,
    measured: { successes: 0, failures: 0, latencyMs: null, success: 1 },
    ...route,
  };
}

/** A task as a row, in any state. */
export function aTask(task: Partial<Task> = {}): Task {
  return {
    id: newId('tsk', START, entropyOf(1)),
    state: 'queued',
    operation: 'text.summarize',
    input: {},
    require: {},
    maxCreditsMicro: null,
    deadline: START + 60_000,
    notBefore: START,
    unfunded: false,
    attempts: task.state === 'leased' ? [anAttempt()] : [],
    settledMicro: 0,
    result: null,
    error: null,
    mission: null,
    key: null,
    after: [],
    origin: 'api',
    trace: null,
    createdAt: START,
    updatedAt: START,
    ...task,
  };
}

export function anAttempt(attempt: Partial<Attempt> = {}): Attempt {
  const executor = newId('dev', START, entropyOf(1));
  return {
    id: newId('att', START, entropyOf(1)),
    n: 1,
    executor,
    route: `text.summarize@${executor}`,
    hold: newId('trf', START, entropyOf(1)),
    priceMicro: 100,
    leaseMs: 60_000,
    leaseUntil: START + 60_000,
    state: 'offered',
    fraction: 0,
    startedAt: START,
    endedAt: null,
    error: null,
    ...attempt,
  };
}
