// What every `Read` promises, whatever it reads from. Each implementation brings a way to stand over given rows.

import { expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { webhooksMax } from '../../core/limits.ts';
import { candidatesMax, type Read, sweptAtOnce } from '../../core/swarm/read.ts';
import type { RowMap } from '../../core/swarm/replay.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import { briefOf } from '../../core/work/brief.ts';
import { anAttempt, aRoute, aTask } from '../core/builders.ts';
import { entropyOf, START } from '../core/memory-swarm.ts';

/** Stands over these rows and looks. */
export type WithRead = (rows: RowMap, look: (read: Read) => void) => Promise<void> | void;

const id = <P extends Parameters<typeof newId>[0]>(prefix: P, n: number) => newId(prefix, START, entropyOf(n));

function rowsOf(...rows: readonly (readonly [Kind, { readonly id: string }])[]): RowMap {
  return new Map(rows.map(([kind, row]) => [`${kind}/${row.id}`, row as Rows[Kind]]));
}

const aMission = (n: number, state: string) => ['mission', { id: id('msn', n), state, tasks: [] }] as const;
const aKey = (n: number, state: string, replacedBy: string | null) =>
  ['key', { id: id('key', n), state, replacedBy }] as const;
const aWebhook = (n: number, state: string) => ['webhook', { id: id('whk', n), state, events: ['*'] }] as const;
const anAccount = (name: string, postedMicro: number, heldMicro: number) =>
  ['account', { id: name, postedMicro, heldMicro }] as const;

/** The suite; call it inside a `describe` that names the implementation. */
export function readContract(withRead: WithRead): void {
  test('a row is read by its kind and id, as it is, and null when there is none', async () => {
    const task = aTask({ input: { text: '€\u0000𝄞', n: 0.1 } });
    await withRead(rowsOf(['task', task], ['route', aRoute()]), (read) => {
      expect(read.row('task', task.id)).toEqual(task);
      expect(read.row('task', id('tsk', 9))).toBeNull();
      expect(read.row('mission', task.id)).toBeNull();
      expect(read.row('route', aRoute().id)).toEqual(aRoute());
    });
  });

  test('active routes of an operation come by id', async () => {
    const routes = [3, 1, 2].map((n) => aRoute({ executor: id('dev', n) }));
    const others = [
      aRoute({ executor: id('dev', 4), active: false }),
      aRoute({ operation: 'text.summarize-more' }),
      aRoute({ operation: 'text' }),
    ];
    await withRead(rowsOf(...[...routes, ...others].map((route) => ['route', route] as const)), (read) => {
      expect(read.routesOf('text.summarize').map(({ executor }) => executor)).toEqual(
        [1, 2, 3].map((n) => id('dev', n)),
      );
      expect(read.routesOf('no.such')).toEqual([]);
    });
  });

  test('there are at most so many candidates', async () => {
    const routes = Array.from(
      { length: candidatesMax + 5 },
      (_, n) => ['route', aRoute({ executor: id('dev', n) })] as const,
    );
    await withRead(rowsOf(...routes), (read) => {
      const found = read.routesOf('text.summarize');
      expect(found).toHaveLength(candidatesMax);
      expect(found.at(-1)?.executor).toBe(id('dev', candidatesMax - 1));
    });
  });

  test('queued tasks come oldest first: of the operations, not put off, and not meant for another executor', async () => {
    const [mine, other] = [id('dev', 1), id('dev', 2)];
    const task = (n: number, more: object = {}) => ['task', aTask({ id: id('tsk', n), ...more })] as const;
    const rows = rowsOf(
      task(5, { operation: 'text.b' }),
      task(1),
      task(2, { require: { executor: other } }),
      task(3, { require: { executor: 'device' } }),
      task(4, { require: { executor: 'cloud' } }),
      task(6, { require: { executor: mine, privacy: 'device-only' } }),
      task(7, { notBefore: START + 1 }),
      task(8, { state: 'waiting' }),
      task(9, { state: 'leased' }),
      task(10, { state: 'succeeded' }),
      task(11, { operation: 'text.c' }),
    );
    await withRead(rows, (read) => {
      const numbers = (operations: string[], executor: string, at: number, after = '', most = 99) =>
        read.queuedTasks(operations, executor, at, after, most).map((found) => rowNumber(found.id, 'tsk'));
      const both = ['text.summarize', 'text.b'];
      expect(numbers(both, mine, START)).toEqual([1, 3, 5, 6]);
      expect(numbers(both, other, START)).toEqual([1, 2, 3, 5]);
      expect(numbers(both, 'cloud', START)).toEqual([1, 4, 5]);
      expect(numbers(both, mine, START + 1)).toEqual([1, 3, 5, 6, 7]);
      expect(numbers(['text.b'], mine, START)).toEqual([5]);
      expect(numbers([], mine, START)).toEqual([]);
      expect(numbers(both, mine, START, '', 2)).toEqual([1, 3]);
      expect(numbers(both, mine, START, id('tsk', 3), 2)).toEqual([5, 6]);
      expect(numbers(both, mine, START, id('tsk', 6))).toEqual([]);
    });
  });

  test('the tasks of a mission come by id, all of each but what was asked and answered, and how long it is', async () => {
    const [mission, other] = [id('msn', 1), id('msn', 2)];
    const large = { input: 'x'.repeat(1_000), result: { y: 'y'.repeat(1_000) }, after: ['a', 'b'] };
    const error = { code: 'broken', message: 'It broke.', retryable: false };
    const tasks = [
      aTask({ id: id('tsk', 2), mission, key: 'b', state: 'leased', ...large }),
      aTask({ id: id('tsk', 1), mission, key: 'a', state: 'failed', attempts: [anAttempt()], error }),
      aTask({ id: id('tsk', 3), mission: other, key: 'c' }),
      aTask({ id: id('tsk', 4) }),
    ];
    await withRead(rowsOf(...tasks.map((task) => ['task', task] as const)), (read) => {
      const [b, a] = tasks.map((task) => briefOf(task, JSON.stringify(task).length));
      expect(read.tasksOf(mission)).toEqual([a, b]);
      expect(JSON.stringify(read.tasksOf(mission)).length).toBeLessThan(1_500);
      expect(read.tasksOf(id('msn', 3))).toEqual([]);
    });
  });

  test('tasks that wait for credits come oldest first, when they are not put off', async () => {
    const task = (n: number, more: object) => ['task', aTask({ id: id('tsk', n), ...more })] as const;
    const rows = rowsOf(
      task(3, { unfunded: true, operation: 'text.a' }),
      task(1, { unfunded: true }),
      task(2, {}),
      task(4, { unfunded: true, notBefore: START + 5 }),
      task(5, { unfunded: true, state: 'cancelled' }),
    );
    await withRead(rows, (read) => {
      expect(read.unfundedTasks(START, 9).map((found) => rowNumber(found, 'tsk'))).toEqual([1, 3]);
      expect(read.unfundedTasks(START + 5, 9).map((found) => rowNumber(found, 'tsk'))).toEqual([1, 3, 4]);
      expect(read.unfundedTasks(START + 5, 2).map((found) => rowNumber(found, 'tsk'))).toEqual([1, 3]);
    });
    await withRead(rowsOf(task(2, {})), (read) => {
      for (let n = 0; n < 2; n++) expect(read.unfundedTasks(START, 9)).toEqual([]);
    });
  });

  test('accounts to sweep are executors’ with something to give, by id, so many at once', async () => {
    const rows = rowsOf(
      anAccount('treasury', -100, 0),
      anAccount('tenant', 50, 0),
      anAccount('executor/b', 9, 8),
      anAccount('executor/a', 1, 0),
      anAccount('executor/c', 5, 5),
      anAccount('executor/d', 0, 0),
      anAccount('executors', 7, 0),
      anAccount('team/executor/x', 7, 0),
    );
    await withRead(rows, (read) =>
      expect(read.accountsToSweep().map((account) => account.id)).toEqual(['executor/a', 'executor/b']),
    );
    const many = Array.from({ length: sweptAtOnce + 3 }, (_, n) =>
      anAccount(`executor/${String(n).padStart(6, '0')}`, 1, 0),
    );
    await withRead(rowsOf(...many), (read) => expect(read.accountsToSweep()).toHaveLength(sweptAtOnce));
  });

  test('active webhooks come by id, at most so many', async () => {
    await withRead(
      rowsOf(aWebhook(3, 'active'), aWebhook(1, 'active'), aWebhook(2, 'disabled'), aWebhook(4, 'deleted')),
      (read) => expect(read.activeWebhooks().map((webhook) => webhook.id)).toEqual([id('whk', 1), id('whk', 3)]),
    );
    await withRead(rowsOf(...Array.from({ length: webhooksMax + 2 }, (_, n) => aWebhook(n, 'active'))), (read) =>
      expect(read.activeWebhooks()).toHaveLength(webhooksMax),
    );
  });

  test('a device is found by its did, and a task by the attempt in force', async () => {
    const device = ['device', { id: id('dev', 1), did: 'did:key:z1', state: 'revoked' }] as const;
    const attempts = [anAttempt({ id: id('att', 1), state: 'failed' }), anAttempt({ id: id('att', 2), n: 2 })];
    const leased = aTask({ state: 'leased', attempts });
    const ended = aTask({ id: id('tsk', 2), state: 'failed', attempts: [anAttempt({ id: id('att', 3) })] });
    await withRead(rowsOf(device, ['task', leased], ['task', ended]), (read) => {
      expect(read.deviceByDid('did:key:z1')).toBe(id('dev', 1));
      expect(read.deviceByDid('did:key:z2')).toBeNull();
      expect(read.taskOfAttempt(id('att', 2))).toBe(leased.id);
      for (const n of [1, 3, 4]) expect(read.taskOfAttempt(id('att', n))).toBeNull();
    });
  });

  test('what is counted against limits is what is open, running, enrolled, in force and active', async () => {
    const states = [
      'waiting',
      'queued',
      'leased',
      'awaiting_approval',
      'succeeded',
      'failed',
      'cancelled',
      'expired',
    ] as const;
    const rows = rowsOf(
      ...states.map((state, n) => ['task', aTask({ id: id('tsk', n), state })] as const),
      aMission(1, 'running'),
      aMission(2, 'succeeded'),
      ['device', { id: id('dev', 1), did: 'a', state: 'enrolled' } as never],
      ['device', { id: id('dev', 2), did: 'b', state: 'revoked' } as never],
      aKey(1, 'active', null),
      aKey(2, 'active', id('key', 1)),
      aKey(3, 'revoked', null),
      ['trigger', { id: id('trg', 1), state: 'active' } as never],
      ['trigger', { id: id('trg', 2), state: 'deleted' } as never],
    );
    await withRead(rows, (read) => {
      const counted = (['openTasks', 'openMissions', 'devices', 'keys', 'triggers'] as const).map((what) =>
        read.count(what),
      );
      expect(counted).toEqual([4, 1, 2, 1, 1]);
    });
    await withRead(rowsOf(), (read) => expect(read.count('openTasks')).toBe(0));
  });
}

/** The number that an id of these tests was made from. */
function rowNumber(found: string, prefix: 'tsk'): number {
  for (let n = 0; n < 100; n++) if (id(prefix, n) === found) return n;
  throw new Error(`an id of nobody: ${found}`);
}
