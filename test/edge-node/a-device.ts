// A device for tests: a home of its own, enrolled, with operations that do what a test says.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type AttemptId, newId, type TaskId } from '../../core/ids.ts';
import type { OrderBody } from '../../core/wire/device.ts';
import { openHome } from '../../edge-node/src/home.ts';
import { openIdentity, writeEnrolment } from '../../edge-node/src/identity.ts';
import { defineOperation, type Operation } from '../../edge-node/src/operations/operation.ts';

export const anId = <P extends Parameters<typeof newId>[0]>(prefix: P) => newId(prefix, Date.now(), randomBytes(10));

export interface DeviceOfATest {
  readonly home: string;
  readonly device: string;
  readonly did: string;
  readonly credential: string;
  /** Called when the squad's address is known. */
  enrol(connectUrl: string): void;
  remove(): void;
}

export function aDevice(): DeviceOfATest {
  const home = mkdtempSync(join(tmpdir(), 'starling-device-'));
  openHome(home);
  const { did } = openIdentity(home);
  const device = anId('dev');
  const credential = `dvc_${randomBytes(12).toString('base64url')}`;
  return {
    home,
    device,
    did,
    credential,
    enrol: (connectUrl) =>
      writeEnrolment(home, { device, tenant: anId('tnt'), swarm: anId('swm'), credential, connectUrl, name: 'a test' }),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** Offers of one task: the fence grows with each. */
export function anOffer(
  over: Partial<Extract<OrderBody, { type: 'offer' }>> = {},
): Extract<OrderBody, { type: 'offer' }> {
  return {
    type: 'offer',
    attempt: anId('att') as AttemptId,
    task: anId('tsk') as TaskId,
    fence: 1,
    operation: 'test.echo',
    input: { text: 'hello' },
    leaseMs: 60_000,
    deadline: Date.now() + 600_000,
    priceMicro: 10,
    ...over,
  };
}

const traits = { version: '1.0.0', summary: 'For tests.', priceMicro: 10, leaseMs: 60_000 };

/** Answers at once with what it was given. */
export const echo = defineOperation({
  ...traits,
  name: 'test.echo',
  input: z.strictObject({ text: z.string() }),
  output: z.strictObject({ text: z.string() }),
  run: async (input) => input,
});

/** Ends when the test says so, or when it is told to stop. */
export function aSlowOperation(name = 'test.slow') {
  const runs: {
    finish: (text: string) => void;
    signal: AbortSignal;
    progress: (fraction: number, note?: string) => void;
  }[] = [];
  const operation: Operation = defineOperation({
    ...traits,
    name,
    input: z.unknown(),
    output: z.strictObject({ text: z.string() }),
    run: (_input, { signal, progress }) =>
      new Promise((resolve, reject) => {
        runs.push({ finish: (text) => resolve({ text }), signal, progress });
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  });
  return { operation, runs };
}
