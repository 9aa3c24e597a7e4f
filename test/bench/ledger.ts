// `ledger`: journaled, hash-chained, double-entry transfers in one swarm object, against the same rows written by bare
// statements in the same workerd. Both durable alike; rounds take turns, the median ratio counts.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { benchPostgres } from './postgres.ts';
import { type Measure, median } from './report.ts';

const ROUNDS = 5;

export async function ledger(): Promise<Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-bench-'));
  const outfile = join(folder, 'worker.js');
  await build({
    entryPoints: [join(import.meta.dirname, 'ledger-worker.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    outfile,
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      modules: [{ type: 'ESModule', path: 'worker.js', contents: await readFile(outfile, 'utf8') }],
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['nodejs_compat'],
      durableObjects: {
        STARLING: { className: 'StarlingLedger', useSQLite: true },
        BARE: { className: 'BareLedger', useSQLite: true },
      },
      durableObjectsPersist: join(folder, 'objects'),
    }),
  );
  try {
    const url = await miniflare.ready;
    const batched = await compare(url, 20_000, 100);
    const single = await compare(url, 5_000, 1);
    const postgres = await benchPostgres();
    return [
      measure('batched transfers (100 in a transaction)', batched, 'bare statements, batched', 0.6),
      measure('single transfers (1 in a transaction)', single, 'bare statements, single', 0.6),
      ...(postgres === null
        ? []
        : [
            {
              bench: 'ledger',
              measure: 'batched transfers',
              value: batched.ours,
              unit: 'transfers/s',
              against: `PostgreSQL, ${postgres.clients} clients, ${Math.round(postgres.perSecond)}/s`,
              ratio: batched.ours / postgres.perSecond,
              goal: 5,
              met: batched.ours / postgres.perSecond >= 5,
            },
          ]),
    ];
  } finally {
    await miniflare.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(url: URL, n: number, batch: number): Promise<{ ours: number; ratio: number }> {
  const ours: number[] = [];
  const ratios: number[] = [];
  await perSecond(url, 'starling', n, batch);
  await perSecond(url, 'bare', n, batch);
  for (let round = 0; round < ROUNDS; round++) {
    const starling = await perSecond(url, 'starling', n, batch);
    ours.push(starling);
    ratios.push(starling / (await perSecond(url, 'bare', n, batch)));
  }
  return { ours: median(ours), ratio: median(ratios) };
}

async function perSecond(url: URL, which: string, n: number, batch: number): Promise<number> {
  const start = performance.now();
  const response = await fetch(new URL(`/${which}?n=${n}&batch=${batch}`, url));
  const { broken } = (await response.json()) as { broken: string | null };
  if (!response.ok || broken !== null) throw new Error(`the ${which} ledger failed: ${broken ?? response.status}`);
  return n / ((performance.now() - start) / 1_000);
}

function measure(
  what: string,
  { ours, ratio }: { ours: number; ratio: number },
  against: string,
  goal: number,
): Measure {
  return { bench: 'ledger', measure: what, value: ours, unit: 'transfers/s', against, ratio, goal, met: ratio >= goal };
}
