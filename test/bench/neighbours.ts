// What one tenant can do that others might feel: each is one round of it, through the public API, as often as it is asked for.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { runCallers } from './callers.ts';
import type { Tenant } from './local-platform.ts';
import { connectTalkingDevice } from './talking-device.ts';
import { taskCall } from './task.ts';

export interface Neighbour {
  readonly name: string;
  /** What it is, in a few words. */
  readonly about: string;
  /** One round of it. Answers when it is over; throws when `signal` ends it before. */
  round(signal?: AbortSignal): Promise<void>;
  /** What is to be there first. */
  prepare?(): Promise<void>;
  /** Ends what a round that was ended has left running. */
  settle?(): Promise<void>;
  end?(): void;
}

/** Bytes of the results of a heavy mission: near the largest that an input may be made of. */
const heavyBytes = 185_000;
const LAYERS = 5;
const LEAVES = 39;
const MISSIONS = 40;
const MISSION_TASKS = 100;
/** A journal that is worth reading: so many missions at once, or as many of their events as come in so long. */
const JOURNAL_MISSIONS = 10;
const journalMsMax = 15_000;
const DIFFERENCES = 8;
const LOG_INS = 32;
const framesPerSecond = 1.5;
const CALLERS = 16;
const pollMs = 100;
const roundMsMax = 120_000;

/** The ones of this tenant; each works alone as well. */
export function neighboursOf(url: string, tenant: Tenant): readonly Neighbour[] {
  const { apiKey } = tenant;
  const asks =
    (signal?: AbortSignal): Ask =>
    (method, path, body) =>
      send(new URL(path, url), apiKey, { method, body, ...(signal ? { signal } : {}) });
  const running = new Set<string>();
  const runMission = async (plan: object, ask: Ask): Promise<void> => {
    const { json } = await ask('POST', '/v1/missions', { plan });
    const path = `/v1/missions/${json.id}`;
    running.add(path);
    await until(async () => (await ask('GET', path)).json.state !== 'running');
    running.delete(path);
  };
  const settle = async (): Promise<void> => {
    const ask = asks();
    for (const path of running) await ask('POST', `${path}/cancel`);
    running.clear();
  };
  let filled: Promise<void> | null = null;
  const longJournal = (): Promise<void> => {
    filled ??= (async () => {
      const signal = AbortSignal.timeout(journalMsMax);
      const plans = Array.from({ length: JOURNAL_MISSIONS }, honestPlan);
      // What does not end in time has made events all the same.
      await Promise.all(
        plans.map((plan) => runMission(plan, asks(signal)).catch((cause) => unlessEnded(signal, cause))),
      );
      await settle();
    })();
    return filled;
  };
  let device: Talking | null = null;
  return [
    {
      name: 'honest',
      about: `${CALLERS} callers posting tasks`,
      round: async () => {
        await runCallers(taskCall(url, apiKey), CALLERS, 2_000);
      },
    },
    {
      name: 'mission',
      about: `a mission of ${LAYERS * (LEAVES + 1)} tasks of ${heavyBytes / 1_000} kB`,
      round: (signal) => runMission(heavyPlan(), asks(signal)),
      settle,
    },
    {
      name: 'missions',
      about: `${MISSIONS} missions of ${MISSION_TASKS} tasks at once`,
      round: async (signal) => {
        await Promise.all(Array.from({ length: MISSIONS }, () => runMission(honestPlan(), asks(signal))));
      },
      settle,
    },
    {
      name: 'differences',
      about: `${DIFFERENCES} differences over a long journal at once`,
      prepare: longJournal,
      round: async (signal) => {
        const ask = asks(signal);
        await Promise.all(Array.from({ length: DIFFERENCES }, () => ask('GET', '/v1/history/diff?from=1')));
      },
    },
    {
      name: 'log-ins',
      about: `${LOG_INS} log-ins at once`,
      round: async (signal) => {
        const ask = asks(signal);
        const logIn = (): Promise<Answer> =>
          ask('POST', '/v1/login', { email: `${randomUUID()}@example.com`, password: 'a pass phrase of nobody' });
        await Promise.all(Array.from({ length: LOG_INS }, logIn));
      },
    },
    ...(['descriptions', 'reports'] as const).map(
      (kind): Neighbour => ({
        name: kind,
        about: `a device that sends ${framesPerSecond} full frames a second, of ${kind}`,
        prepare: async () => {
          device ??= await connectTalkingDevice(url, apiKey);
        },
        round: async () => {
          const sent = performance.now();
          await device?.say(kind);
          await pause(Math.max(0, 1_000 / framesPerSecond - (performance.now() - sent)));
        },
        end: () => {
          device?.close();
          device = null;
        },
      }),
    ),
    {
      name: 'exports',
      about: 'four exports at once, two of them Parquet',
      prepare: longJournal,
      round: async (signal) => {
        const ask = asks(signal);
        const format = ['ndjson', 'parquet', 'ndjson', 'parquet'];
        await Promise.all(format.map((format) => ask('GET', `/v1/export?format=${format}`)));
      },
    },
    {
      name: 'imports',
      about: 'an export, brought in again',
      prepare: longJournal,
      round: async (signal) => {
        const ask = asks(signal);
        const { text } = await ask('GET', '/v1/export');
        const { json } = await ask('POST', '/v1/imports', text);
        await ask('DELETE', `/v1/imports/${json.id}`);
      },
    },
    {
      name: 'forks',
      about: 'a fork, its what-if and its comparison',
      prepare: longJournal,
      round: async (signal) => {
        const ask = asks(signal);
        const { json } = await ask('POST', '/v1/forks', { name: 'fork', at: { seq: 500 } });
        const path = `/v1/forks/${json.id}`;
        await until(async () => (await ask('GET', path)).json.state === 'ready');
        await ask('POST', `${path}/what-if`, {});
        await ask('GET', `${path}/compare`);
        await ask('DELETE', path);
      },
    },
  ];
}

type Talking = Awaited<ReturnType<typeof connectTalkingDevice>>;
type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>;

interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a client knows of a JSON answer before it looks.
  readonly json: any;
}

/** Layers of tasks that all carry a large result on: each hub releases its leaves and the next hub. */
function heavyPlan(): object {
  const tasks: object[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    const before = layer === 0 ? [] : [`hub-${layer - 1}`];
    const input = layer === 0 ? 'x'.repeat(heavyBytes) : { $result: before[0] };
    tasks.push({ key: `hub-${layer}`, operation: 'swarm.echo', input, after: before });
    for (let leaf = 0; leaf < LEAVES; leaf++)
      tasks.push({
        key: `leaf-${layer}-${leaf}`,
        operation: 'swarm.echo',
        input: { $result: `hub-${layer}` },
        after: [`hub-${layer}`],
      });
  }
  return { tasks };
}

/** Small tasks that use each other's results, four deep, and a last one that waits for all. */
function honestPlan(): object {
  const tasks = Array.from({ length: MISSION_TASKS - 1 }, (_, n) => {
    const before = n % 4 === 0 ? null : `task-${n - 1}`;
    return {
      key: `task-${n}`,
      operation: 'swarm.echo',
      input: before === null ? { n } : { n, before: { $result: before, path: '/n' } },
      after: before === null ? [] : [before],
    };
  });
  const last = { key: 'last', operation: 'swarm.echo', input: {}, after: tasks.map(({ key }) => key) };
  return { tasks: [...tasks, last] };
}

/** Sends one request; what the platform asks to wait for is asked again when it says so. */
async function send(
  url: URL,
  apiKey: string,
  { method, body, signal }: { readonly method: string; readonly body: unknown; readonly signal?: AbortSignal },
): Promise<Answer> {
  for (;;) {
    const response = await fetch(url, {
      method,
      ...(signal ? { signal } : {}),
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined
          ? {}
          : { 'content-type': typeof body === 'string' ? 'application/x-ndjson' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status } = response;
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '') && text !== '';
    const retryAfter = Number(response.headers.get('retry-after'));
    if ((status === 429 || status === 503) && retryAfter > 0) {
      await pause(Math.min(retryAfter, 5) * 1_000, null, { ...(signal ? { signal } : {}) });
      continue;
    }
    if (status >= 500) throw new Error(`${method} ${url.pathname} was answered with ${status}: ${text.slice(0, 300)}`);
    return { status, text, json: isJson ? JSON.parse(text) : null };
  }
}

/** @throws what it was given, unless the signal was the cause of it */
export function unlessEnded(signal: AbortSignal, cause: unknown): void {
  if (!signal.aborted) throw cause;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + roundMsMax;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('a round does not end');
    await pause(pollMs);
  }
}
