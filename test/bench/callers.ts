// A closed loop of callers over kept-alive connections: each sends its next request when the last one is answered.

import { Agent, request } from 'node:http';
import { quantile } from './report.ts';

export interface Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Throws unless the answer is the one that was asked for. */
  check(status: number, body: string): void;
}

export interface Round {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** Makes so many calls, one after the other. */
export async function makeCalls(call: Call, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (let n = 0; n < count; n++) {
      const { status, body } = await post(call, agent);
      call.check(status, body);
    }
  } finally {
    agent.destroy();
  }
}

/** Runs `callers` of them for `ms`, after a warm-up of a fifth of that. */
export async function runCallers(call: Call, callers: number, ms: number): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  try {
    await loop(call, agent, callers, ms / 5);
    const started = performance.now();
    const latencies = await loop(call, agent, callers, ms);
    const seconds = (performance.now() - started) / 1_000;
    return {
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      perSecond: latencies.length / seconds,
    };
  } finally {
    agent.destroy();
  }
}

async function loop(call: Call, agent: Agent, callers: number, ms: number): Promise<number[]> {
  const latencies: number[] = [];
  const until = performance.now() + ms;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) {
        const sent = performance.now();
        const { status, body } = await post(call, agent);
        latencies.push(performance.now() - sent);
        call.check(status, body);
      }
    }),
  );
  return latencies;
}

function post({ url, headers, body }: Call, agent: Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
