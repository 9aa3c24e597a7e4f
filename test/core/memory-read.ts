// `Read` over rows in memory: what a decision sees in tests. It passes the same contract as the tables
// (test/contract/read.contract.ts).

import type { Moved } from '../../core/clock/evolve.ts';
import type { Enrollment } from '../../core/devices/state.ts';
import type { Key } from '../../core/keys/state.ts';
import type { Transfer } from '../../core/ledger/state.ts';
import { webhooksMax } from '../../core/limits.ts';
import { type Counted, candidatesMax, type Read, sweptAtOnce } from '../../core/swarm/read.ts';
import type { RowMap } from '../../core/swarm/replay.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import type { Delivery, Webhook } from '../../core/webhooks/state.ts';
import { briefOf, type TaskBrief } from '../../core/work/brief.ts';
import { isOpen, type Task } from '../../core/work/state.ts';

const COUNTS: Readonly<Record<Counted, (all: <K extends Kind>(kind: K) => readonly Rows[K][]) => number>> = {
  openTasks: (all) => all('task').filter(isOpen).length,
  openMissions: (all) => all('mission').filter(({ state }) => state === 'running').length,
  devices: (all) => all('device').length,
  keys: (all) => all('key').filter(({ state, replacedBy }) => state === 'active' && replacedBy === null).length,
  triggers: (all) => all('trigger').filter(({ state }) => state === 'active').length,
};

/** Each is asked of rows of its kind alone. */
const isDue: Readonly<Record<Moved, (row: Rows[Moved], at: number) => boolean>> = {
  task: (row) => isOpen(row as Task),
  transfer: (row) => (row as Transfer).state === 'pending',
  delivery: (row) => (row as Delivery).state === 'waiting',
  enrollment: (row, at) => (row as Enrollment).state === 'open' && (row as Enrollment).expiresAt > at,
  key: (row, at) => ((row as Key).validUntil ?? 0) > at,
  webhook: (row) => (row as Webhook).state === 'active',
};

/** Reads from `rows`, which may change between two questions. */
export function memoryRead(rows: RowMap): Read {
  function all<K extends Kind>(kind: K): readonly Rows[K][] {
    const found = [...rows].filter(([key]) => key.startsWith(`${kind}/`));
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return found.map(([, row]) => row as Rows[K]); // the key says the kind
  }
  const queued = (at: number): readonly Task[] =>
    all('task').filter(({ state, notBefore }) => state === 'queued' && notBefore <= at);
  const brief = (task: Task): TaskBrief => briefOf(task, [...JSON.stringify(task)].length);
  return {
    // The key says the kind.
    row: <K extends Kind>(kind: K, id: string) => (rows.get(`${kind}/${id}`) ?? null) as Rows[K] | null,
    routesOf: (operation) =>
      all('route')
        .filter((route) => route.active && route.operation === operation)
        .slice(0, candidatesMax),
    queuedTasks(operations, executor, at, after, most) {
      const asked = [undefined, executor, executor === 'cloud' ? 'cloud' : 'device'];
      return queued(at)
        .filter(({ id, operation, require }) => {
          return id > after && operations.includes(operation) && asked.includes(require.executor);
        })
        .slice(0, most)
        .map(brief);
    },
    tasksOf: (mission) =>
      all('task')
        .filter((task) => task.mission === mission)
        .map(brief),
    unfundedTasks: (at, most) =>
      queued(at)
        .filter(({ unfunded }) => unfunded)
        .slice(0, most)
        .map(({ id }) => id),
    accountsToSweep: () =>
      all('account')
        .filter(({ id, postedMicro, heldMicro }) => id.startsWith('executor/') && postedMicro > heldMicro)
        .slice(0, sweptAtOnce),
    activeWebhooks: () =>
      all('webhook')
        .filter(({ state }) => state === 'active')
        .slice(0, webhooksMax),
    deviceByDid: (did) => all('device').find((device) => device.did === did)?.id ?? null,
    taskOfAttempt: (attempt) =>
      all('task').find((task) => task.state === 'leased' && task.attempts.at(-1)?.id === attempt)?.id ?? null,
    dueRows: (kind, at, after, most) =>
      all(kind)
        .filter((row) => row.id > after && isDue[kind](row, at))
        .slice(0, most)
        .map(({ id }) => id),
    count: (what) => COUNTS[what](all),
  };
}
