// Operations in a process of their own: the real one, and one that the test plays.

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../edge-node/src/clock.ts';
import { operations } from '../../edge-node/src/operations/index.ts';
import type { Operation } from '../../edge-node/src/operations/operation.ts';
import {
  createHostedRunner,
  type FromHost,
  type Host,
  idleMsMax,
  startOperationHost,
  stopMsMax,
  type ToHost,
} from '../../edge-node/src/supervision/hosted-runner.ts';
import type { OperationRunner } from '../../edge-node/src/supervision/run-operation.ts';
import { echo } from './a-device.ts';
import { createFakeClock } from './fake-clock.ts';

const control = () => ({ signal: new AbortController().signal, progress: () => {} });

describe('a real host', () => {
  let runner: OperationRunner | null = null;
  afterEach(() => runner?.close());

  const start = (grants: { path: string; read: boolean; run: boolean }[] = []) => {
    runner = createHostedRunner({
      clock: systemClock,
      log: () => {},
      grants,
      homes: [],
      startHost: startOperationHost,
    });
    return runner;
  };
  const named = (name: string): Operation => {
    const found = operations.find((operation) => operation.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };

  test('does the device’s own operations, with the folders that are granted', async () => {
    const hosted = start([{ path: import.meta.dirname, read: true, run: false }]);
    const operation = named('fs.read');
    const path = `${import.meta.dirname}/fake-clock.ts`;
    const end = await hosted.run(operation, operation.input.parse({ path }), control());
    expect(end).toMatchObject({ type: 'succeeded' });
    expect(JSON.stringify(end)).toContain(JSON.stringify(readFileSync(path, 'utf8').slice(0, 60)).slice(1, -1));
    expect(await hosted.run(operation, operation.input.parse({ path: '/etc/hostname' }), control())).toMatchObject({
      type: 'declined',
      code: 'path_not_granted',
    });
  });

  test('that cannot find the operation falls, and says so of every run', async () => {
    expect(await start().run(echo, { text: 'x' }, control())).toMatchObject({
      type: 'failed',
      error: { code: 'operation_crashed', retryable: true },
    });
  });
});

describe('a host', () => {
  function aRunner() {
    const clock = createFakeClock();
    const logged: string[] = [];
    const hosts: (Host & {
      sent: ToHost[];
      tell: (message: FromHost) => void;
      fall: () => void;
      killed: boolean;
      dismissed: boolean;
    })[] = [];
    const startHost = (): Host => {
      const host = {
        sent: [] as ToHost[],
        killed: false,
        dismissed: false,
        tell: (_message: FromHost) => {},
        fall: () => {},
        send: (message: ToHost) => host.sent.push(message),
        onMessage: (listener: (message: FromHost) => void) => {
          host.tell = listener;
        },
        onEnd: (listener: (why: string) => void) => {
          host.fall = () => listener('SIGKILL');
        },
        dismiss: () => {
          host.dismissed = true;
        },
        kill: () => {
          host.killed = true;
          host.fall();
        },
      };
      hosts.push(host);
      return host;
    };
    const runner = createHostedRunner({
      clock,
      log: (_level, message) => logged.push(message),
      grants: [],
      homes: [],
      startHost,
    });
    return { clock, hosts, logged, runner };
  }
  const done = (id: number): FromHost => ({ type: 'end', id, end: { type: 'succeeded', result: id } });

  test('is started for the first run and shared by those beside it', async () => {
    const { runner, hosts } = aRunner();
    expect(hosts).toHaveLength(0);
    const told: number[] = [];
    const first = runner.run(
      echo,
      { text: 'a' },
      { signal: new AbortController().signal, progress: (fraction) => told.push(fraction) },
    );
    const second = runner.run(echo, { text: 'b' }, control());
    expect(hosts[0]?.sent).toEqual([
      { type: 'grants', grants: [], homes: [] },
      { type: 'run', id: 1, operation: 'test.echo', input: { text: 'a' } },
      { type: 'run', id: 2, operation: 'test.echo', input: { text: 'b' } },
    ]);
    hosts[0]?.tell({ type: 'progress', id: 1, fraction: 0.5, note: undefined });
    hosts[0]?.tell(done(2));
    hosts[0]?.tell(done(1));
    hosts[0]?.tell(done(1));
    expect(await first).toEqual({ type: 'succeeded', result: 1 });
    expect(await second).toEqual({ type: 'succeeded', result: 2 });
    expect(told).toEqual([0.5]);
    expect(hosts).toHaveLength(1);
  });

  test('goes when nothing has come for a while, and a new one comes for the next run', async () => {
    const { runner, hosts, clock } = aRunner();
    void runner.run(echo, {}, control());
    hosts[0]?.tell(done(1));
    await clock.advance(idleMsMax - 1);
    void runner.run(echo, {}, control());
    hosts[0]?.tell(done(2));
    await clock.advance(idleMsMax - 1);
    expect(hosts[0]?.dismissed).toBe(false);
    await clock.advance(1);
    expect(hosts[0]?.dismissed).toBe(true);
    void runner.run(echo, {}, control());
    expect(hosts).toHaveLength(2);
  });

  test('that falls takes its runs with it, and nothing else', async () => {
    const { runner, hosts, logged } = aRunner();
    const runs = [runner.run(echo, {}, control()), runner.run(echo, {}, control())];
    hosts[0]?.fall();
    for (const end of await Promise.all(runs))
      expect(end).toMatchObject({ type: 'failed', error: { code: 'operation_crashed' } });
    expect(logged).toEqual(['the host of the operations ended under them']);
    void runner.run(echo, {}, control());
    expect(hosts).toHaveLength(2);
  });

  test('with an operation that does not stop when told is ended under it', async () => {
    const { runner, hosts, clock } = aRunner();
    const controller = new AbortController();
    const run = runner.run(echo, {}, { signal: controller.signal, progress: () => {} });
    controller.abort();
    expect(hosts[0]?.sent.at(-1)).toEqual({ type: 'stop', id: 1 });
    await clock.advance(stopMsMax - 1);
    expect(hosts[0]?.killed).toBe(false);
    await clock.advance(1);
    expect(hosts[0]?.killed).toBe(true);
    expect(await run).toMatchObject({ type: 'failed' });
  });

  test('is left alone when the operation stops in time', async () => {
    const { runner, hosts, clock } = aRunner();
    const controller = new AbortController();
    void runner.run(echo, {}, { signal: controller.signal, progress: () => {} });
    controller.abort();
    hosts[0]?.tell(done(1));
    await clock.advance(stopMsMax * 2);
    expect(hosts[0]?.killed).toBe(false);
  });
});
