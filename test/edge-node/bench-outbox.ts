// Facts made durable on the device per second, one at a time and a hundred at a time, against bare node:sqlite with the same
// durability: `node test/edge-node/bench-outbox.ts`. The two take turns, so that a busy machine slows both.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { factsPerBatchMax } from '../../core/limits.ts';
import type { FactBody } from '../../core/wire/device.ts';
import { openDatabase } from '../../edge-node/src/outbox/database.ts';
import { openOutbox } from '../../edge-node/src/outbox/outbox.ts';

const goal = 0.8;
const rounds = 15;
const folder = mkdtempSync(join(tmpdir(), 'starling-bench-'));

const body = (n: number): FactBody => ({
  type: 'attempt.progressed',
  attempt: `att_${'a'.repeat(26)}`,
  task: `tsk_${'b'.repeat(26)}`,
  fence: 1,
  fraction: (n % 100) / 100,
  note: `fact ${n} of a benchmark`,
});

function ours(): (facts: number) => void {
  const outbox = openOutbox(openDatabase(join(folder, 'ours.db')), { now: Date.now, factsMax: 10_000_000 });
  let n = 0;
  return (facts) => {
    outbox.append(Array.from({ length: facts }, () => ({ body: body(n++) })));
  };
}

function bare(): (facts: number) => void {
  const database = new DatabaseSync(join(folder, 'bare.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE facts (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, trace TEXT, body TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO facts (seq, at, trace, body) VALUES (?, ?, ?, ?)');
  let n = 0;
  return (facts) => {
    database.exec('BEGIN IMMEDIATE');
    for (let i = 0; i < facts; i++) insert.run(n, Date.now(), null, JSON.stringify(body(n++)));
    database.exec('COMMIT');
  };
}

/** Facts a second, the median of the rounds; both contestants in each round. */
function measure(batch: number, batches: number): { ours: number; bare: number } {
  const contestants = { ours: ours(), bare: bare() };
  const rates = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      const began = performance.now();
      for (let i = 0; i < batches; i++) contestants[name](batch);
      rates[name].push((batch * batches) / ((performance.now() - began) / 1_000));
    }
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  for (const name of ['ours', 'bare'])
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `${name}.db${end}`), { force: true });
  return { ours: median(rates.ours), bare: median(rates.bare) };
}

for (const [measured, batch, batches] of [
  ['single', 1, 200],
  ['batched', factsPerBatchMax, 50],
] as const) {
  const { ours: value, bare: against } = measure(batch, batches);
  const ratio = Math.round((value / against) * 100) / 100;
  const line = {
    bench: 'outbox',
    measure: measured,
    value: Math.round(value),
    unit: 'facts/s',
    against: `bare node:sqlite: ${Math.round(against)}`,
    ratio,
    goal,
    met: ratio >= goal,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
rmSync(folder, { recursive: true });
