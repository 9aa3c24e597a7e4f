// The two verifiers, ours and the stand-alone one in Python, over the same test vectors and the same kinds of damage. They
// share no code; Python 3 must be there.

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type SignedCheckpoint, verifyCheckpoint } from '../../core/journal/checkpoint.ts';
import { canonicalStored } from '../../core/json.ts';
import { judgeArchive } from '../../edge-node/src/cli/archive-folder.ts';
import { type Judged, judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { openSegmentFile } from '../../edge-node/src/cli/segment-file.ts';
import { root } from '../tidy/repository.ts';
import { publicKey } from './a-journal.ts';
import { noPython } from './python.ts';
import { folder, REFUSED, TEXTS } from './vectors.ts';

const flips = 10_000;
const seed = Number(process.env.STARLING_TEST_SEED ?? 20_261_120);
const python = join(root, 'docs/verify/verify.py');
const run = promisify(execFile);
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const held = JSON.parse(TEXTS['held.json'] ?? '') as SignedCheckpoint;
/** The files that are flipped; `consistency.json` is judged with what is held. */
const FLIPPED = ['export.ndjson', 'export.parquet', 'task.json', 'event.json', 'checkpoint.json', 'consistency.json'];

const judge = (name: string, bytes: Uint8Array): Promise<Judged> =>
  judgeBytes(bytes, { key: publicKey, ...(name === 'consistency.json' ? { held } : {}) });
const isProved = (judged: Judged) => judged.what !== 'unreadable' && judged.verdict.ok;

describe('the test vectors', () => {
  test('[VERIFY-1] are made of one journal that never changes', () => {
    for (const [name, text] of Object.entries(TEXTS)) expect(readFileSync(join(folder, name), 'utf8'), name).toBe(text);
    const known = [...Object.keys(TEXTS), 'export.parquet', 'archive'];
    expect(readdirSync(folder).toSorted()).toEqual(known.toSorted());
    expect(verifyCheckpoint(held)).toBe(true);
  });

  test('[VERIFY-2] are accepted and refused by the Python verifier as they should be', { skip: noPython }, async () => {
    const { stdout } = await run('python3', [join(root, 'test/verify/vectors.py'), python, folder]);
    expect(JSON.parse(stdout)).toMatchObject({ canonical: 6, roots: 21, things: 8, refused: 2 * REFUSED.length });
  });

  test('[VERIFY-2] are accepted by ours', async () => {
    for (const name of FLIPPED) {
      const judged = await judge(name, bytesOf(name));
      expect(judged, name).toMatchObject({
        what: name === 'export.parquet' ? 'export' : name.split('.')[0],
        verdict: { ok: true },
      });
      const other = await judgeBytes(bytesOf(name), { key: 'A'.repeat(43), held });
      expect(isProved(other), `${name} by another key`).toBe(false);
    }
    const read = (name: string) => (existsSync(join(folder, 'archive', name)) ? bytesOf(`archive/${name}`) : null);
    for (const known of [{}, { key: publicKey, held }])
      expect(await judgeArchive(read, known)).toMatchObject({ what: 'archive', verdict: { ok: true, size: 21 } });
  });

  test('[VERIFY-2] are refused by ours where they were changed, at the same event', async () => {
    for (const { file, find, put, seq, why } of REFUSED) {
      const text = TEXTS[file] ?? '';
      expect(text, why).toContain(find);
      const judged = await judge(file, Buffer.from(text.replace(find, put)));
      if (judged.what === 'unreadable') expect(seq, why).toBeNull();
      else expect(judged.verdict, why).toMatchObject({ ok: false, seq });
    }
  });
});

describe('one bit that is another', () => {
  test(`[VERIFY-3] is refused or says the same, ${flips} times by the Python verifier (seed ${seed})`, {
    skip: noPython,
    timeout: 120_000,
  }, async () => {
    const files = FLIPPED.map(
      (name) => join(folder, name) + (name === 'consistency.json' ? `,${join(folder, 'held.json')}` : ''),
    );
    const { stdout } = await run('python3', [
      join(root, 'test/verify/flips.py'),
      python,
      String(flips),
      String(seed),
      ...files,
    ]);
    const counts = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(counts).toMatchObject({ flips, accepted: 0, seed });
    expect(counts.refused + counts.unreadable + counts.meaningless).toBe(flips);
    expect(counts.refused).toBeGreaterThan(flips / 2);
  });

  test(`[VERIFY-3] is refused or says the same, ${flips} times by ours (seed ${seed})`, {
    timeout: 120_000,
  }, async () => {
    const random = generator(seed);
    const files = FLIPPED.map((name) => ({ name, bytes: bytesOf(name) }));
    const meanings = new Map(
      await Promise.all(files.map(async ({ name, bytes }) => [name, await said(bytes)] as const)),
    );
    const counts = { refused: 0, unreadable: 0, meaningless: 0 };
    for (let n = 0; n < flips; n++) {
      const { name, bytes } = files[random(files.length)] ?? { name: '', bytes: new Uint8Array() };
      const at = random(bytes.length);
      const bit = random(8);
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      const judged = await judge(name, flipped);
      if (judged.what === 'unreadable') counts.unreadable++;
      else if (!judged.verdict.ok) counts.refused++;
      else if ((await said(flipped)) === meanings.get(name)) counts.meaningless++;
      else throw new Error(`accepted: ${name}, byte ${at}, bit ${bit}`);
    }
    expect(counts.refused).toBeGreaterThan(flips / 2);
    expect(counts.refused + counts.unreadable + counts.meaningless).toBe(flips);
  });
});

/** What a file says, without how it is spelled. */
async function said(bytes: Uint8Array): Promise<string> {
  const file = await openSegmentFile(bytes);
  if (file !== null)
    return canonicalStored({
      mark: file.mark,
      events: await all(file.events()),
      checkpoint: file.metadata.get('starling.checkpoint'),
    });
  const text = Buffer.from(bytes).toString('utf8');
  const lines: readonly string[] = text.startsWith('{"starling"') ? text.split('\n').slice(0, -1) : [text];
  return lines.map((line) => canonicalStored(JSON.parse(line))).join('\n');
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** Whole numbers below `n` (mulberry32): the same ones for the same seed. */
function generator(from: number): (n: number) => number {
  let state = from >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}
