// Seeds that once found something, and one of each tier that is quick: they run as anybody runs them, in a process of their own.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { aDevice, connect, request } from '../core/builders.ts';
import { aSwarm, START } from '../core/memory-swarm.ts';
import { FAULT_NAMES } from './faults/table.ts';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, 'simulate.ts');
const msMax = 60_000;

/** The last line of a run; it must have ended well. */
async function simulate(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(process.execPath, [PROGRAM, ...args]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>; // a report
}

/** What each found when it was pinned. */
const PINNED = [
  [
    3,
    'a task was leased after its deadline, because the timer that ends it was late: everything had slept for 31 days',
  ],
  [22, 'the same, because the clock had jumped'],
] as const;

test('a task whose time is over is given to nobody, though the timer that says so is late', () => {
  const swarm = aSwarm();
  const device = aDevice(swarm);
  swarm.do({ type: 'DeviceLeft', device, connection: 'con_1' });
  const task = request(swarm, { deadline: START + 1_000 });
  swarm.at = START + 2_000;
  expect(connect(swarm, device).types).toEqual(['device.connected']);
  expect(swarm.row('task', task).attempts).toEqual([]);
  expect(swarm.fire(`task/${task}`).types).toEqual(['task.expired']);
});

describe('seeds that once found something', () => {
  test.each(PINNED)(
    'seed %i finds nothing any more: %s',
    async (seed) => {
      expect(await simulate('--seed', String(seed))).toMatchObject({ lost: 0, doubled: 0, violations: 0 });
    },
    msMax,
  );
});

test(
  'the same seed comes to the same head, whichever thread and process it runs in',
  async () => {
    const first = await simulate('--seed', '3', '--seeds', '4', '--steps', '400');
    const again = await simulate('--seed', '3', '--seeds', '4', '--steps', '400');
    expect(again).toMatchObject({ head: first.head, events: first.events });
    expect(Object.keys(first.faults as object)).toEqual(FAULT_NAMES); // the report's own member
  },
  msMax,
);
