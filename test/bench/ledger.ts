// `ledger`: journaled, hash-chained, double-entry transfers in one swarm object, against the same rows written by bare
// statements in the same workerd, and against PostgreSQL. Rounds take turns, the median ratio counts.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { watchWorkerd } from '../../local/workerd.ts';
import { countSyncs } from './count-syncs.ts';
import { inFolder } from './local-platform.ts';
import { BATCH, CLIENTS, type Postgres, startPostgres } from './postgres.ts';
import { compared, type Measure, median, type Outcome, plain, type Turn } from './report.ts';

const ROUNDS = 5;
const POSTGRES_ROUNDS = 3;
/** Calls whose fsyncs are counted. */
const CALLS_TRACED = 160;

/** One way of sending transfers. */
interface Way {
  readonly n: number;
  readonly batch: number;
  /** Left out: all in one turn. */
  readonly callers?: number;
}

export function ledger(): Promise<Outcome> {
  return inFolder(async (folder) => {
    let workerd: number | null = null;
    const events = {
      started: (pid: number) => {
        workerd = pid;
      },
      exited: () => {
        workerd = null;
      },
    };
    const worker = await bundle(folder);
    const miniflare = watchWorkerd(events, () => startMiniflare(worker, folder));
    try {
      const url = await miniflare.ready;
      return await measureAll(url, () => workerd);
    } finally {
      await miniflare.dispose();
    }
  });
}

async function measureAll(url: URL, workerd: () => number | null): Promise<Outcome> {
  const measures: Measure[] = [
    await againstBare(url, 'batched, 100 in a transaction', { n: 20_000, batch: 100 }),
    await againstBare(url, 'single, 1 in a transaction', { n: 5_000, batch: 1 }),
  ];
  const postgres = await startPostgres();
  try {
    const calls = { n: 3_000, batch: 1, callers: CLIENTS };
    const batches = { n: 20_000, batch: BATCH, callers: 1 };
    measures.push(
      await againstPostgres(url, calls, `${CLIENTS} callers, each waiting for its one transfer`, postgres),
      await againstPostgres(url, batches, `1 caller, waiting for ${BATCH} transfers at a time`, postgres),
    );
  } finally {
    await postgres?.stop();
  }
  const pid = workerd();
  const traced = { n: CALLS_TRACED, batch: 1, callers: CLIENTS };
  const syncs = pid === null ? null : await countSyncs(pid, () => once(url, 'swarm', traced));
  if (syncs !== null)
    measures.push(plain('ledger', `fsyncs for each call of ${CLIENTS} callers`, syncs / CALLS_TRACED, 'fsyncs'));
  return { measures, notes: notesOf(postgres, syncs) };
}

async function againstPostgres(url: URL, way: Way, what: string, postgres: Postgres | null): Promise<Measure> {
  await once(url, 'swarm', way);
  const turns: Turn[] = [];
  const isSingle = way.batch === 1;
  for (let n = 0; n < POSTGRES_ROUNDS; n++) {
    const ours = await once(url, 'swarm', way);
    turns.push({ ours, theirs: postgres ? await (isSingle ? postgres.clients() : postgres.batches()) : Number.NaN });
  }
  if (postgres === null) return plain('ledger', what, median(turns.map(({ ours }) => ours)), 'transfers/s');
  const theirs = isSingle
    ? `${CLIENTS} clients, a transaction for each`
    : `1 client, ${BATCH} in a server-side function`;
  const goal = isSingle ? { least: 5 } : null;
  return compared('ledger', what, 'transfers/s', `PostgreSQL ${postgres.version}, ${theirs}`, turns, goal);
}

async function againstBare(url: URL, what: string, way: Way): Promise<Measure> {
  const turns: Turn[] = [];
  for (const which of ['starling', 'bare']) await once(url, which, way);
  for (let n = 0; n < ROUNDS; n++)
    turns.push({ ours: await once(url, 'starling', way), theirs: await once(url, 'bare', way) });
  return compared('ledger', what, 'transfers/s', 'bare statements', turns, { least: 0.6 });
}

/** Does it once; transfers per second. */
async function once(url: URL, which: string, { n, batch, callers }: Way): Promise<number> {
  const start = performance.now();
  const query = `n=${n}&batch=${batch}${callers === undefined ? '' : `&callers=${callers}`}`;
  const response = await fetch(new URL(`/${which}?${query}`, url));
  const { broken } = (await response.json()) as { broken: string | null };
  if (!response.ok || broken !== null) throw new Error(`the ${which} ledger failed: ${broken ?? response.status}`);
  return n / ((performance.now() - start) / 1_000);
}

async function bundle(folder: string): Promise<string> {
  const outfile = join(folder, 'worker.js');
  await build({
    entryPoints: [join(import.meta.dirname, 'ledger-worker.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    outfile,
  });
  return await readFile(outfile, 'utf8');
}

function startMiniflare(worker: string, folder: string): Miniflare {
  return new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      modules: [{ type: 'ESModule', path: 'worker.js', contents: worker }],
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['nodejs_compat'],
      durableObjects: {
        STARLING: { className: 'StarlingLedger', useSQLite: true },
        BARE: { className: 'BareLedger', useSQLite: true },
        SWARM: { className: 'SwarmObject', useSQLite: true },
      },
      resourcePersistencePath: join(folder, 'state'),
    }),
  );
}

function notesOf(postgres: Postgres | null, syncs: number | null): string[] {
  return [
    'Against bare statements all transfers of a round run in one turn of the object, which the runtime makes durable together: what is compared is computing and writing. The bare loop writes the same five rows a transfer; it decides nothing, hashes nothing, looks nothing up and checks nothing.',
    'Against PostgreSQL every call waits until its transfers are durable, on both sides by synchronising a write-ahead log on the same disk: here SQLite’s, by fsync; there by its defaults (fsync on, synchronous_commit on). How many calls share one is counted above. All clients move the same account: in PostgreSQL each waits for the row until the one before it is durable.',
    'PostgreSQL writes accounts, transfer and journal row, no hash chain and no answers to be repeated. It is called over a Unix socket by pgbench with prepared statements; Starling’s swarm object by RPC from a Worker in the same process, without HTTP.',
    ...(postgres === null ? ['PostgreSQL is left out: it is not installed on this machine.'] : []),
    ...(syncs === null ? ['The fsyncs are not counted: that takes Linux and strace.'] : []),
  ];
}
