// `traces`: what the export of traces costs. The same tasks on two platforms in turns, one that exports its spans and one that
// does not; the collector takes what comes and looks at none of it.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Round, runCallers } from './callers.ts';
import { inFolder, onPlatform, signUp } from './local-platform.ts';
import { compared, type Measure, type Outcome, plain } from './report.ts';
import { taskCall } from './task.ts';

const ROUNDS = 9;
const roundMs = 2_400;
const CALLERS = 16;
/** Collectors lag behind by this; then everything that was asked for is there. */
const settleMs = 5_000;

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
        (on) => onPlatform(join(folder, 'off'), (off) => compare(on.url, off.url, () => spansOf(collector, answer))),
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

async function compare(on: string, off: string, spans: () => Promise<number>): Promise<Outcome> {
  const [traced, untraced] = [taskCall(on, (await signUp(on)).apiKey), taskCall(off, (await signUp(off)).apiKey)];
  const rounds: { ours: Round; theirs: Round }[] = [];
  let tasks = 0;
  for (let n = 0; n < ROUNDS; n++) {
    // Who begins changes: whatever the machine does besides falls on both.
    const first = await runCallers(n % 2 === 0 ? traced : untraced, CALLERS, roundMs);
    const second = await runCallers(n % 2 === 0 ? untraced : traced, CALLERS, roundMs);
    const [ours, theirs] = n % 2 === 0 ? [first, second] : [second, first];
    rounds.push({ ours, theirs });
    tasks += (ours.perSecond * roundMs) / 1_000;
  }
  await new Promise((done) => setTimeout(done, settleMs));
  const turns = (of: keyof Round) => rounds.map(({ ours, theirs }) => ({ ours: ours[of], theirs: theirs[of] }));
  const who = `${CALLERS} callers`;
  const measures: Measure[] = [
    compared('traces', `${who}: throughput`, 'tasks/s', 'without export', turns('perSecond'), { least: 0.95 }),
    compared('traces', `${who}: p50`, 'ms', 'without export', turns('p50Ms')),
    compared('traces', `${who}: p99`, 'ms', 'without export', turns('p99Ms')),
    plain('traces', 'spans that arrived, for each task of the rounds', (await spans()) / tasks, 'spans'),
  ];
  return {
    measures,
    notes: [
      'Two spans for each task. The collector is a thread of the benchmark that counts and answers at once; on two processors it takes turns with the callers and the platform, so part of the difference is its.',
      'More than two spans for each task arrive because warm-up tasks are exported and not counted.',
    ],
  };
}
