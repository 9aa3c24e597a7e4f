// Journals whose times run back, judged by both verifiers: where a correction says so, and where nothing does.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { root } from '../tidy/repository.ts';
import { noPython } from './python.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-clock-'));
afterAll(() => rmSync(folder, { recursive: true }));
const keys = newSigningKey();
const origin = 'tnt_a/swm_a';
const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 20);

/** A signed export of a journal whose second event is an hour ahead, and whose third is of this type and body. */
function exported(type: string, body: object): string {
  const events: StoredEvent[] = [];
  for (const [at, said] of [
    [NOW, ['swarm.created', { publicKey: keys.publicKey }]],
    [NOW + HOUR, ['timer.parked', {}]],
    [NOW, [type, body]],
  ] as const) {
    const context = { at, actor: 'system/clock', command: 'c', trace: null };
    const line = { type: said[0], subject: 'clock/swarm', body: canonical(said[1]) };
    events.push(chain(origin, events.at(-1)?.hash ?? GENESIS, events.length + 1, line, context));
  }
  const leaves = events.map(({ hash }) => leafOf(hash));
  const merkle = rootOf({ leaf: (i) => leaves[i] ?? new Uint8Array() }, leaves.length);
  const unsigned = { origin, size: 3, head: events[2]?.hash ?? '', root: Buffer.from(merkle).toString('hex'), at: NOW };
  const checkpoint = signCheckpoint(unsigned, keys.privateKey, keys.publicKey);
  return [exportHeader(checkpoint), ...events.map((event) => eventLine(origin, event)), ''].join('\n');
}

const said = { from: NOW + HOUR, to: NOW, after: 2 };

test.each([
  ['a correction that says so', 'clock.corrected', said, true],
  ['no correction', 'timer.parked', said, false],
  ['a correction from another time', 'clock.corrected', { ...said, from: NOW + HOUR + 1 }, false],
  ['a correction to another time', 'clock.corrected', { ...said, to: NOW - 1 }, false],
  ['a correction behind another event', 'clock.corrected', { ...said, after: 1 }, false],
])('[JOURNAL-10] times run back by %s: both verifiers say the same', async (name, type, body, holds) => {
  const text = exported(type, body);
  const judged = await judgeBytes(Buffer.from(text), { key: keys.publicKey });
  if (judged.what === 'unreadable') throw new Error('unreadable');
  expect(judged.verdict).toMatchObject(holds ? { ok: true } : { ok: false, seq: 3 });
  if (noPython) return;
  const file = join(folder, `${name.replaceAll(' ', '-')}.ndjson`);
  writeFileSync(file, text);
  const { status, stdout } = spawnSync('python3', [join(root, 'docs/verify/verify.py'), file], { encoding: 'utf8' });
  expect(status, stdout).toBe(holds ? 0 : 1);
});
