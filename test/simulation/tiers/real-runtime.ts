// Tier D: the same transactions on the real runtime. workerd is told them a few at a time, its object is ended between any two,
// and workerd itself is killed in the middle of its work; it must come to the head that Node came to.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { watchWorkerd } from '../../../local/workerd.ts';
import { type Random, seededRandom } from '../random.ts';
import { type Report, say } from '../report.ts';
import { type Recorded, recordCommands } from './command-recording.ts';
import type { Size } from './size.ts';

const eventsOfSeed = 2_000;
const togetherMax = 40;
/** Chances between two calls, and during one. */
const endShare = 0.15;
const killShare = 0.04;

interface Runtime {
  readonly miniflare: Miniflare;
  pid: number | null;
}

interface Status {
  readonly done: number;
  readonly head: Recorded['head'];
}

export async function realRuntimeTier({ seed, seeds }: Size): Promise<Report> {
  const started = performance.now();
  const random = seededRandom(seed);
  const script = await bundle();
  const counts = { ended: 0, killed: 0 };
  let unlike = 0;
  let events = 0;
  for (let n = 0; n < seeds; n++) {
    const recorded = await recordCommands(seed + n, eventsOfSeed);
    const folder = mkdtempSync(join(tmpdir(), 'starling-real-runtime-'));
    try {
      const head = await carryOut(recorded, { script, folder, random, counts });
      events += head.seq;
      if (head.hash !== recorded.head.hash || head.seq !== recorded.head.seq) {
        unlike++;
        say(
          `seed ${seed + n}: workerd came to ${head.seq} ${head.hash}, Node to ${recorded.head.seq} ${recorded.head.hash}`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  return {
    ok: unlike === 0 && counts.ended > 0 && counts.killed > 0,
    ...{ seed, seeds, events, violations: unlike, faults: counts },
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'replay-worker.ts')],
    ...{ bundle: true, write: false, format: 'esm', target: 'es2024' },
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
  });
  return outputFiles?.[0]?.text ?? '';
}

async function start(script: string, folder: string): Promise<Runtime> {
  const running: { pid: number | null } = { pid: null };
  const options = convertV4MiniflareOptions({
    workers: [
      {
        ...{ name: 'replay', modules: true, script, compatibilityDate: '2026-11-01' },
        compatibilityFlags: ['nodejs_compat'],
        durableObjects: { REPLAY: { className: 'ReplayObject', useSQLite: true } },
      },
    ],
  });
  const events = {
    started: (pid: number) => {
      running.pid = pid;
    },
    exited: () => {
      running.pid = null;
    },
  };
  const miniflare = watchWorkerd(events, () => new Miniflare({ ...options, resourcePersistencePath: folder }));
  await watchWorkerd(events, () => miniflare.ready);
  return {
    miniflare,
    get pid() {
      return running.pid;
    },
  };
}

async function carryOut(
  { transactions }: Recorded,
  {
    script,
    folder,
    random,
    counts,
  }: {
    readonly script: string;
    readonly folder: string;
    readonly random: Random;
    readonly counts: { ended: number; killed: number };
  },
): Promise<Recorded['head']> {
  let runtime = await start(script, folder);
  const call = async (method: string, body?: unknown): Promise<Status> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await runtime.miniflare.dispatchFetch('http://replay.test/swarm', init);
    if (!response.ok) throw new Error(await response.text());
    return (response.status === 204 ? {} : await response.json()) as Status; // as replay-worker.ts answers
  };
  try {
    let done = 0;
    while (done < transactions.length) {
      const some = transactions.slice(done, done + random.between(1, togetherMax));
      if (random.chance(endShare)) {
        await call('DELETE');
        counts.ended++;
      }
      const asked = call('POST', { from: done, transactions: some });
      if (random.chance(killShare) && runtime.pid !== null) {
        const { pid } = runtime;
        // Somewhere in the middle: nobody knows how far it came.
        setTimeout(() => process.kill(pid, 'SIGKILL'), random.between(0, 8));
        await asked.catch(() => {});
        counts.killed++;
        await runtime.miniflare.dispose().catch(() => {});
        runtime = await start(script, folder);
        done = (await call('GET')).done;
      } else done = (await asked).done;
    }
    return (await call('GET')).head;
  } finally {
    await runtime.miniflare.dispose();
  }
}
