// kill -9 of the whole runtime, and SIGTERM, in the middle of a task.

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aDevice, anOffer, type DeviceOfATest } from './a-device.ts';
import { startTestSquad, type TestSquad } from './test-squad.ts';

let device: DeviceOfATest;
let squad: TestSquad;
let children: ChildProcess[] = [];

beforeEach(async () => {
  device = aDevice();
  squad = await startTestSquad(device);
  device.enrol(squad.url);
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await squad.stop();
  device.remove();
});

function start(): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'node-child.ts'), device.home], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}
const end = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
const said = (attempt: string) =>
  squad.facts.filter(({ body }) => 'attempt' in body && body.attempt === attempt).map(({ body }) => body.type);

test('[P11] a runtime killed in the middle of a task does it again by itself and reports it once', {
  timeout: 30_000,
}, async () => {
  const offer = anOffer({ operation: 'test.slow' });
  const first = start();
  await squad.until(() => squad.connections === 1);
  squad.order(offer);
  await squad.until(() => said(offer.attempt).length === 1);
  first.kill('SIGKILL');
  await end(first);
  const second = start();
  await squad.until(() => squad.connections === 2);
  writeFileSync(join(device.home, 'finish'), '');
  await squad.until(() => said(offer.attempt).includes('attempt.succeeded'));
  second.kill('SIGTERM');
  expect(await end(second)).toBe(0);
  expect(said(offer.attempt)).toEqual(['attempt.started', 'attempt.succeeded']);
  expect(squad.epoch).toBe(1);
});

test('a runtime told to stop reports what it cannot finish within two seconds, and ends with 0', {
  timeout: 30_000,
}, async () => {
  const offer = anOffer({ operation: 'test.slow' });
  const child = start();
  await squad.until(() => squad.connections === 1);
  squad.order(offer);
  await squad.until(() => said(offer.attempt).length === 1);
  const began = performance.now();
  child.kill('SIGTERM');
  expect(await end(child)).toBe(0);
  expect(performance.now() - began).toBeLessThan(4_000);
  expect(said(offer.attempt)).toEqual(['attempt.started', 'attempt.failed']);
  expect(squad.facts.at(-1)?.body).toMatchObject({ error: { code: 'interrupted', retryable: true } });
});
