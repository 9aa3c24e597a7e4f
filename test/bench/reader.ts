// An honest reader in a thread of its own, so that what it measures is not what the attack beside it costs its own thread: a few
// loops over kept-alive connections, each of which asks again a moment after its last answer.

import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';

interface ReaderOptions {
  readonly url: string;
  readonly apiKey: string;
}

export interface Reader {
  /** How many reads are answered so far. */
  readonly count: number;
  /** Ends it. Answers how long each read took, milliseconds. @throws when one was not answered as it should be */
  end(): Promise<readonly number[]>;
}

const LOOPS = 4;
/** What a caller does with an answer before it asks again. */
const pauseMs = 4;
/** It reports so often. */
const reportMs = 50;

/** Starts to read. */
export function startReader(options: ReaderOptions): Reader {
  const worker = new Worker(import.meta.filename, { workerData: options });
  const latencies: number[] = [];
  let failure: unknown = null;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (more: readonly number[]) => latencies.push(...more));
  worker.once('error', (cause) => {
    failure = cause;
  });
  return {
    get count() {
      if (failure !== null) throw failure;
      return latencies.length;
    },
    async end() {
      worker.postMessage('end');
      await ended;
      if (failure !== null) throw failure;
      return latencies;
    },
  };
}

function read({ url, apiKey }: ReaderOptions, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/tasks`, { agent, headers: { authorization: `Bearer ${apiKey}` } }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`a read was answered with ${response.statusCode}`));
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function readOn(options: ReaderOptions): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: LOOPS });
  let isEnding = false;
  parentPort?.once('message', () => {
    isEnding = true;
  });
  let taken: number[] = [];
  const report = (): void => {
    parentPort?.postMessage(taken);
    taken = [];
  };
  const reporting = setInterval(report, reportMs);
  const loop = async (): Promise<void> => {
    while (!isEnding) {
      const sent = performance.now();
      await read(options, agent);
      taken.push(performance.now() - sent);
      await pause(pauseMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: LOOPS }, loop));
  } finally {
    clearInterval(reporting);
    report();
    agent.destroy();
  }
}

if (parentPort !== null) await readOn(workerData as ReaderOptions);
