// `traces`: what the export of traces costs. The same tasks on two platforms in turns, one that exports its spans and one that
// does not; the collector takes what comes and looks at none of it.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Round, runCallers } from './callers.ts';
import { inFolder, onPlatform, signUp } from './local-platform.ts';
import { canSeeProcesses, cpuMs } from './process-usage.ts';
import { compared, type Measure, type Outcome, plain } from './report.ts';
import { taskCall } from './task.ts';

const ROUNDS = 6;
/** Longer than spans wait to be exported: what a round costs falls into it, or into the pause behind it. */
const roundMs = 8_000;
const CALLERS = 16;
/** After so long everything that was done is exported. */
const settleMs = 6_000;

/** Runs in a thread of its own: the callers must not wait for it. */
const COLLECTOR = `
const { createServer } = require('node:http');
const { parentPort } = require('node:worker_threads');
let spans = 0;
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    spans += Buffer.concat(chunks).toString('latin1').split('"spanId"').length - 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.on('message', () => parentPort.postMessage(spans));
`;

export function traces(): Promise<Outcome> {
  return inFolder(async (folder) => {
    const collector = new Worker(COLLECTOR, { eval: true });
    const answer = () => new Promise<number>((done) => collector.once('message', done));
    try {
      const port = await answer();
      const bindings = { STARLING_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
      return await onPlatform(
        join(folder, 'on'),
        (on) => onPlatform(join(folder, 'off'), (off) => compare(on, off, () => spansOf(collector, answer))),
        { bindings },
      );
    } finally {
      await collector.terminate();
    }
  });
}

async function spansOf(collector: Worker, answer: () => Promise<number>): Promise<number> {
  collector.postMessage('how many');
  return answer();
}

interface Platform {
  readonly url: string;
  readonly workerdPid: number | null;
}

/** One round, and the CPU that the platform took for each task, with what it did right after. */
interface Turn extends Round {
  readonly cpuMsPerTask: number;
}

async function compare(on: Platform, off: Platform, spans: () => Promise<number>): Promise<Outcome> {
  const ours = await roundsOf(on);
  const theirs = await roundsOf(off);
  const turns: { ours: Turn; theirs: Turn }[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    // Who begins changes: whatever the machine does besides falls on both.
    const first = await (n % 2 === 0 ? ours : theirs)();
    const second = await (n % 2 === 0 ? theirs : ours)();
    turns.push(n % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first });
  }
  const of = (measure: keyof Turn) => turns.map((turn) => ({ ours: turn.ours[measure], theirs: turn.theirs[measure] }));
  const tasks = turns.reduce((sum, turn) => sum + turn.ours.perSecond * (roundMs / 1_000), 0);
  const who = `${CALLERS} callers`;
  // All rounds together: each platform is a process of its own, and a single round is at the mercy of the machine.
  const whole = { ours: meanOf(turns.map(({ ours }) => ours)), theirs: meanOf(turns.map(({ theirs }) => theirs)) };
  const cpu = compared('traces', `${who}: CPU of the platform`, 'ms/task', 'without export', [whole], { most: 1.05 });
  const measures: Measure[] = [
    compared('traces', `${who}: throughput`, 'tasks/s', 'without export', of('perSecond'), { least: 0.95 }),
    ...(canSeeProcesses ? [cpu] : []),
    compared('traces', `${who}: p50`, 'ms', 'without export', of('p50Ms')),
    compared('traces', `${who}: p99`, 'ms', 'without export', of('p99Ms')),
    plain('traces', 'spans that arrived, for each task of the rounds', (await spans()) / tasks, 'spans'),
  ];
  return {
    measures,
    notes: [
      'Two spans for each task. The collector is a thread of the benchmark that counts and answers at once, and spans leave the machine’s runtime by the benchmark’s process: on two processors they take turns with the callers and the platform, so part of the difference in throughput is theirs. CPU is of workerd alone.',
      'More than two spans for each task arrive because warm-up tasks are exported and not counted.',
    ],
  };
}

/** CPU for each task over all rounds. */
function meanOf(turns: readonly Turn[]): number {
  const tasks = turns.reduce((sum, { perSecond }) => sum + perSecond, 0);
  return turns.reduce((sum, { cpuMsPerTask, perSecond }) => sum + cpuMsPerTask * perSecond, 0) / tasks;
}

/** Signs up; then each call is one round, and a pause in which its last spans are exported. */
async function roundsOf({ url, workerdPid }: Platform): Promise<() => Promise<Turn>> {
  const call = taskCall(url, (await signUp(url)).apiKey);
  const used = () => (canSeeProcesses && workerdPid !== null ? cpuMs(workerdPid) : Number.NaN);
  return async () => {
    const before = used();
    const round = await runCallers(call, CALLERS, roundMs);
    await new Promise((done) => setTimeout(done, settleMs));
    return { ...round, cpuMsPerTask: (used() - before) / (round.perSecond * (roundMs / 1_000)) };
  };
}
