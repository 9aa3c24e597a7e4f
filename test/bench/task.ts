// `task`: one task through the real server, from `POST /v1/tasks` to its paid result, with one caller and with sixteen; in turns
// with a Restate server that does three durable steps on the same machine.

import { join } from 'node:path';
import { type Call, makeCalls, type Round, runCallers } from './callers.ts';
import { countSyncs } from './count-syncs.ts';
import { inFolder, onPlatform, signUp } from './local-platform.ts';
import { compared, type Measure, median, type Outcome, plain } from './report.ts';
import { type Restate, startRestate } from './restate.ts';

const ROUNDS = 5;
const roundMs = 2_400;
const CALLERS = [1, 16] as const;
/** Calls whose fsyncs are counted. */
const CALLS_TRACED = 40;

export function task(): Promise<Outcome> {
  return inFolder(async (folder) => {
    const restate = await startRestate(join(folder, 'restate'));
    try {
      return await onPlatform(join(folder, 'starling'), async ({ url, workerdPid }) => {
        const { apiKey } = await signUp(url);
        const ours = taskCall(url, apiKey);
        const outcome = await compare(ours, restate);
        return { ...outcome, measures: [...outcome.measures, ...(await syncs(ours, workerdPid ?? 0, restate))] };
      });
    } finally {
      if (typeof restate !== 'string') await restate.stop();
    }
  });
}

/** How often each of them asks the disk, for one task. */
async function syncs(ours: Call, workerd: number, restate: Restate | string): Promise<Measure[]> {
  const what = 'fsyncs for each task of 1 caller';
  const own = await countSyncs(workerd, () => makeCalls(ours, CALLS_TRACED));
  if (own === null) return [];
  if (typeof restate === 'string') return [plain('task', what, own / CALLS_TRACED, 'fsyncs')];
  const theirs = await countSyncs(restate.pid, () => makeCalls(restateCall(restate.url), CALLS_TRACED));
  const turn = { ours: own / CALLS_TRACED, theirs: (theirs ?? Number.NaN) / CALLS_TRACED };
  return [compared('task', what, 'fsyncs', `Restate ${restate.version}`, [turn])];
}

/** @param restate or why it is left out */
async function compare(ours: Call, restate: Restate | string): Promise<Outcome> {
  const why = typeof restate === 'string' ? restate : null;
  const theirs = typeof restate === 'string' ? null : restateCall(restate.url);
  const version = typeof restate === 'string' ? '' : restate.version;
  const measures: Measure[] = [];
  for (const callers of CALLERS) {
    const rounds: { ours: Round; theirs: Round | null }[] = [];
    for (let n = 0; n < ROUNDS; n++)
      rounds.push({
        ours: await runCallers(ours, callers, roundMs),
        theirs: theirs && (await runCallers(theirs, callers, roundMs)),
      });
    measures.push(...measuresOf(callers, rounds, version));
  }
  return { measures, notes: notesOf(why) };
}

function measuresOf(
  callers: number,
  rounds: readonly { readonly ours: Round; readonly theirs: Round | null }[],
  version: string,
): Measure[] {
  const who = callers === 1 ? '1 caller' : `${callers} callers`;
  const show = (of: keyof Round, label: string, unit: string, goal: { least: number } | { most: number } | null) => {
    const turns = rounds.flatMap(({ ours, theirs }) => (theirs ? [{ ours: ours[of], theirs: theirs[of] }] : []));
    return turns.length > 0
      ? compared('task', `${who}: ${label}`, unit, `Restate ${version}`, turns, goal)
      : plain('task', `${who}: ${label}`, median(rounds.map(({ ours }) => ours[of])), unit);
  };
  return [
    show('p50Ms', 'p50', 'ms', { most: 1 }),
    show('p99Ms', 'p99', 'ms', null),
    show('perSecond', 'throughput', 'tasks/s', { least: 1 }),
  ];
}

/** One task that the swarm does itself, to its paid result. */
export function taskCall(url: string, apiKey: string): Call {
  return {
    url: `${url}/v1/tasks`,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=10' },
    body: JSON.stringify({ operation: 'swarm.echo', input: { hello: 'world' } }),
    check(status, body) {
      if (status !== 200 || !body.includes('"state":"succeeded"'))
        throw new Error(`a task was answered with ${status}: ${body}`);
    },
  };
}

function restateCall(url: string): Call {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hello: 'world' }),
    check(status, body) {
      if (status !== 200 || !body.includes('"settled"')) throw new Error(`Restate answered with ${status}: ${body}`);
    },
  };
}

function notesOf(why: string | null): string[] {
  return [
    'Both are durable at each step by fsync: Starling’s swarm commits the request with its lease and its hold, and then the result with its payment, each before anything is told; Restate appends every step to its log, with its default settings.',
    'Starling’s task is authenticated, chosen by price and policy, held, leased, paid, hash-chained and provable. Restate’s handler does none of this: its three steps only pass their values on. Its log may be replicated over machines; here it is one node, as ours.',
    'Restate’s handler is a Node process behind HTTP/2, as its SDK makes it; Starling’s operation runs in the swarm’s own process. Left out: tasks that a device does, and more than one swarm at a time.',
    ...(why === null ? [] : [`Restate is left out on this machine: ${why}.`]),
  ];
}
