// A journal that goes on from an imported one: two origins, and one event that says so. Both verifiers.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical, type JsonObject } from '../../core/json.ts';
import { judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { root } from '../tidy/repository.ts';
import { hex, privateKey, publicKey } from './a-journal.ts';
import { noPython } from './python.ts';

const before = 'tnt_a/swm_old';
const after = 'tnt_b/swm_new';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-imported-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Change {
  /** What the event between the two says. */
  readonly body?: (honest: JsonObject) => JsonObject;
  readonly type?: string;
  /** Which origin signs. */
  readonly signed?: string;
}

/** An export of three events of the old swarm, the import, and two of the new one. */
function anExport({ body = (honest) => honest, type = 'swarm.imported', signed = after }: Change = {}): string {
  const events: { origin: string; event: StoredEvent }[] = [];
  const add = (origin: string, what: string, said: JsonObject) => {
    const last = events.at(-1)?.event;
    const line = { type: what, subject: 'swarm/x', body: canonical(said) };
    const context = { at: 1_800_000_000_000, actor: 'user/u', command: `c${events.length}`, trace: null };
    events.push({ origin, event: chain(origin, last?.hash ?? GENESIS, (last?.seq ?? 0) + 1, line, context) });
  };
  add(before, 'swarm.created', { publicKey: 'the key of the old one' });
  add(before, 'task.requested', { n: 1 });
  add(before, 'task.succeeded', { n: 1 });
  const head = events[2]?.event.hash ?? '';
  add(after, type, body({ from: { origin: before, size: 3, head }, publicKey }));
  add(after, 'task.requested', { n: 2 });
  const size = events.length;
  const tree = { leaf: (index: number) => leafOf(events[index]?.event.hash ?? '') };
  const unsigned = {
    origin: signed,
    size,
    head: events.at(-1)?.event.hash ?? '',
    root: hex(rootOf(tree, size)),
    at: 1,
  };
  const checkpoint = signCheckpoint(unsigned, privateKey, publicKey);
  const lines = [exportHeader(checkpoint), ...events.map(({ origin, event }) => eventLine(origin, event))];
  return lines.map((line) => `${line}\n`).join('');
}

/** What the Python verifier says: proved, or the first bad event. */
function byPython(text: string): Promise<{ ok: boolean; seq?: number | null }> {
  const path = join(folder, 'export.ndjson');
  writeFileSync(path, text);
  return new Promise((resolve, reject) => {
    execFile('python3', [join(root, 'docs/verify/verify.py'), path, '--json'], (error, stdout) =>
      stdout === '' ? reject(error) : resolve(JSON.parse(stdout)),
    );
  });
}

async function byOurs(text: string): Promise<unknown> {
  const judged = await judgeBytes(Buffer.from(text), {});
  return judged.what === 'unreadable' ? judged : judged.verdict;
}

test('[VERIFY-4] an import that names the journal before it begins the new origin', async () => {
  expect(await byOurs(anExport())).toMatchObject({ ok: true, origin: after, size: 5, publicKey });
  if (noPython) return;
  expect(await byPython(anExport())).toMatchObject({ ok: true, origin: after, size: 5, publicKey });
});

const from = (more: JsonObject) => (honest: JsonObject) => ({
  ...honest,
  from: { ...(honest.from as JsonObject), ...more },
});
test.each<[string, Change, number]>([
  ['nothing that says so', { type: 'swarm.created' }, 4],
  ['an import that names nothing', { body: ({ publicKey: key }) => ({ publicKey: key ?? '' }) }, 4],
  ['an import of another origin', { body: from({ origin: 'tnt_a/swm_other' }) }, 4],
  ['an import of another size', { body: from({ size: 2 }) }, 4],
  ['an import of another head', { body: from({ head: 'ab'.repeat(32) }) }, 4],
  ['an import that names another key', { body: (honest) => ({ ...honest, publicKey: 'another' }) }, 4],
  ['a checkpoint of the old origin', { signed: before }, 1],
])('[VERIFY-4] two origins with %s are refused', async (_, change, seq) => {
  expect(await byOurs(anExport(change))).toMatchObject({ ok: false, seq });
  if (noPython) return;
  expect(await byPython(anExport(change))).toMatchObject({ ok: false, seq });
});
