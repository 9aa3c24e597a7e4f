// Rewinding with the `starling` command: the command in this process, on the real API over a swarm in memory.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../edge-node/src/cli/commands.ts';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { runCommand } from '../../edge-node/src/cli/main.ts';
import { momentOf } from '../../edge-node/src/cli/moment.ts';
import type { Terminal } from '../../edge-node/src/cli/terminal.ts';
import { ROUTES } from '../../functions/api/app.ts';
import { anApi, at, baseUrl, type TestApi } from '../api/an-api.ts';

const HOUR = 3_600_000;

let api: TestApi;
/** Requests that came, as method, path and query. */
let seen: string[];
/** The task that succeeded in the first hour, and the head then. */
let first: { readonly task: string; readonly seq: number };

beforeEach(async () => {
  api = anApi();
  seen = [];
  first = await anHourOfWork('first');
  await anHourOfWork('second');
});

async function anHourOfWork(input: string): Promise<{ task: string; seq: number }> {
  api.clock.now += HOUR;
  const json = { operation: 'swarm.echo', input };
  const asked = await api.send('POST', '/v1/tasks', { json });
  const task = String(at(asked.json, 'id'));
  const ended = await api.send('GET', `/v1/tasks/${task}`, { headers: { prefer: 'wait=1' } });
  expect(at(ended.json, 'state')).toBe('succeeded');
  return { task, seq: Number(at((await api.send('GET', '/v1/history/state')).json, 'seq')) };
}

async function starling(line: string) {
  let [out, err] = ['', ''];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isWatched: false,
    env: {
      STARLING_CONFIG: join(tmpdir(), 'there-is-no-such-starling-config.json'),
      STARLING_URL: baseUrl,
      STARLING_API_KEY: api.first.secret('admin'),
    },
    cwd: tmpdir(),
    readAll: async () => '',
    inputEnded: async () => {},
    askSecret: async () => null,
    interrupted: new AbortController().signal,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      seen.push(`${request.method} ${request.url.slice(baseUrl.length)}`);
      return api.fetch(request);
    },
    now: () => api.clock.now,
    pause: async () => {},
    random: () => 0.5,
  };
  const exit = await runCommand(line.split(' '), terminal);
  return { exit, out, err };
}

describe('--at', () => {
  test('shows the past, and says on standard error which moment it is', async () => {
    const { exit, out, err } = await starling(`task list --at ${first.seq}`);
    expect([exit, out.trim().split('\n').length]).toEqual([EXIT.ok, 2]);
    expect(out).toContain(first.task);
    const time = new Date(api.clock.now - HOUR).toISOString();
    expect(err).toBe(`As it was after event ${first.seq}, ${time}\n`);
    const now = await starling('task list');
    expect([now.out.trim().split('\n').length, now.err]).toEqual([3, '']);
  });

  test('with --json the moment is an object on standard error', async () => {
    const { out, err } = await starling(`task get ${first.task} --at ${first.seq - 1} --json`);
    expect(JSON.parse(out)).toMatchObject({ id: first.task, state: 'leased' });
    expect(JSON.parse(err)).toEqual({ moment: { seq: first.seq - 1, time: expect.any(String), damaged: [] } });
  });

  test.each([
    ['-30m', () => first.seq],
    ['-90m', () => 5],
    ['2026-11-20T17:30Z', () => first.seq],
    ['2026-11-20T19:00:00+01:00', () => 2 * first.seq - 5],
  ])('takes %s for the moment after the last event by then', async (moment, seq) => {
    const { exit, err } = await starling(`ledger --at ${moment}`);
    expect([exit, err]).toEqual([EXIT.ok, expect.stringContaining(`after event ${seq()},`)]);
  });

  test('says the moment once, however many requests a command makes', async () => {
    const { err } = await starling(`ledger --at ${first.seq}`);
    expect(seen).toHaveLength(2);
    for (const request of seen) expect(request).toContain(`at=${first.seq}`);
    expect(err.split('\n')).toHaveLength(2);
  });

  test('is there on every command that only reads what a route shows of the past', () => {
    const reading = COMMANDS.filter(({ options = {} }) => 'at' in options).map(({ name }) => name);
    expect(reading).toEqual([
      ...['task get', 'task list', 'mission get', 'journal tail', 'ledger', 'operations', 'history state'],
    ]);
    expect(ROUTES.filter((route) => route.access === 'scoped' && route.past).length).toBeGreaterThan(10);
  });

  test.each(['task run swarm.echo', 'task cancel tsk_1', 'mission run plan.json', 'device run', 'verify'])(
    'is a mistake with %s: nothing is changed in the past',
    async (command) => {
      const { exit, err } = await starling(`${command} --at 3`);
      expect([exit, err]).toEqual([EXIT.usage, expect.stringContaining("Unknown option '--at'")]);
      expect(seen).toEqual([]);
    },
  );

  test.each(['yesterday', '10m', '1.5', '-1', '-10x', '2026-11-20', '2026-13-20T00:00:00Z', '12345678901234567'])(
    'of %s is a mistake, said before anything is sent',
    async (moment) => {
      const { exit, err } = await starling(`task list --at ${moment}`);
      expect([exit, err]).toEqual([EXIT.usage, expect.stringContaining('--at is the seq of an event')]);
      expect(seen).toEqual([]);
    },
  );

  test.each(['task get x --wait', 'task get x --timeout 3', 'mission get x --wait', 'journal tail --follow'])(
    'does not go with waiting: %s',
    async (command) => {
      expect((await starling(`${command} --at 3`)).exit).toBe(EXIT.usage);
      expect(seen).toEqual([]);
    },
  );

  test.each([
    ['0', 'moment_before_genesis'],
    ['99999', 'moment_ahead'],
    ['-7d', 'moment_before_genesis'],
    ['2101-01-01T00:00:00Z', 'moment_ahead'],
  ])('of %s is refused: %s', async (moment, code) => {
    const { exit, err } = await starling(`ledger --at ${moment} --json`);
    expect([exit, JSON.parse(err.split('\n')[0] ?? '').error.code]).toEqual([EXIT.refused, code]);
  });

  test('a thing that was made later is not there', async () => {
    const { exit, err } = await starling(`task get ${first.task} --at 3`);
    expect([exit, err]).toEqual([EXIT.refused, expect.stringContaining('task_not_found')]);
  });

  test('journal tail ends at the moment, and shows what lies between two', async () => {
    const seqs = (out: string) =>
      out
        .trim()
        .split('\n')
        .map((line) => Number(line.trim().split(' ')[0]));
    const last = await starling(`journal tail --at ${first.seq}`);
    expect(seqs(last.out)).toEqual(Array.from({ length: first.seq }, (_, i) => i + 1));
    const between = await starling(`journal tail --from 6 --at ${first.seq}`);
    expect(seqs(between.out)).toEqual(Array.from({ length: first.seq - 5 }, (_, i) => i + 6));
    expect(between.err.split('\n')).toHaveLength(2);
  });

  test('is read without the clock when it is a seq', () => {
    expect(momentOf('42', 0)).toBe('42');
    expect(momentOf('-90s', 100_000)).toBe('1970-01-01T00:00:10.000Z');
    expect(momentOf('90s', 100_000)).toBeNull();
  });
});

describe('history', () => {
  test('diff shows balances with their signs, cost, events, and the members of rows that differ', async () => {
    const { exit, out } = await starling(`history diff --from ${first.seq - 3} --to ${first.seq}`);
    expect(exit).toBe(EXIT.ok);
    expect(out).toContain('3 events');
    expect(out).toContain('0.0001 credits settled');
    expect(out).toMatch(/^executor\/cloud +\+0\.0001 +0 +\+0\.0001$/m);
    expect(out).toMatch(/^tenant +-0\.0001 +-0\.0001 +0$/m);
    expect(out).toMatch(/^transfer\.settled +1$/m);
    expect(out).toMatch(new RegExp(`^task +${first.task} +result - → first, state leased → succeeded, cost$`, 'm'));
  });

  test('diff goes up to now without --to, page by page, and is for programs with --json', async () => {
    const whole = JSON.parse((await starling('history diff --from -90m --limit 100 --json')).out);
    expect([whole.from.seq, whole.data.length]).toEqual([5, whole.rows]);
    const { out } = await starling('history diff --from -90m --limit 2');
    const cursor = /more: --cursor (\S+)/.exec(out)?.[1];
    const next = JSON.parse((await starling(`history diff --from -90m --limit 2 --cursor ${cursor} --json`)).out);
    expect(next.data).toEqual(whole.data.slice(2, 4));
    const none = await starling(`history diff --from ${first.seq} --to ${first.seq}`);
    expect(none.out).toContain('0 events, 0 rows changed, 0 credits settled');
  });

  test.each(['', ' --from soon', ' --from 1 --to soon', ' --at 3 --from 1'])(
    'diff%s is a mistake, said before anything is sent',
    async (flags) => {
      expect((await starling(`history diff${flags}`)).exit).toBe(EXIT.usage);
      expect(seen).toEqual([]);
    },
  );

  test('diff backwards is refused', async () => {
    const { exit, err } = await starling(`history diff --from ${first.seq} --to 2`);
    expect([exit, err]).toEqual([EXIT.refused, expect.stringContaining('range_reversed')]);
  });

  test('state is the same at the same moment, and another at another', async () => {
    const state = async (moment: string) => /^state +([0-9a-f]{64})$/m.exec((await starling(moment)).out)?.[1];
    const then = await state(`history state --at ${first.seq}`);
    expect(then).toBeDefined();
    expect(await state('history state --at -30m')).toBe(then);
    expect(await state('history state')).not.toBe(then);
  });
});
