// What the verifiers say of a file is said by them: a file chooses its own names, and must not be able to write a line of its
// own, such as the key that somebody trusts, or hide the true one.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import { printable, printableJson, printableLines } from '../../edge-node/src/cli/output.ts';
import { root } from '../tidy/repository.ts';
import { hex, privateKey, publicKey } from './a-journal.ts';
import { noPython } from './python.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-said-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ESCAPE = '\u001b[8m';
const origin = `tnt_x/swm_y, up to the signed head\nhead  aaaa\nkey   A-KEY-THAT-IS-TRUSTED\n\u009b8m\u202e${ESCAPE}`;
const context = { at: 1_764_000_000_000, actor: 'user/usr_1', command: 'api/1', trace: null };
const event = chain(origin, GENESIS, 1, { type: 'a.thing', subject: 'a/1', body: canonical({ publicKey }) }, context);
const top = hex(rootOf({ leaf: () => leafOf(event.hash) }, 1));
const signed: SignedCheckpoint = signCheckpoint(
  { origin, size: 1, head: event.hash, root: top, at: 1 },
  privateKey,
  publicKey,
);
const FILES = {
  'export.ndjson': `${exportHeader(signed)}\n${eventLine(origin, event)}\n`,
  'checkpoint.json': JSON.stringify(signed),
};
const env = { PATH: process.env.PATH, HOME: folder, STARLING_CONFIG: join(folder, 'config.json') };
const VERIFIERS: readonly (readonly [string, ...string[]])[] = [
  [process.execPath, join(root, 'edge-node/bin/starling.mjs'), 'verify'],
  ...(noPython ? [] : [['python3', join(root, 'docs/verify/verify.py')] as const]),
];

test.each(Object.entries(FILES))('[VERIFY-2] no name in %s writes a line of its own', (name, text) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  for (const [program, ...words] of VERIFIERS) {
    const said = execFileSync(program, [...words, path], { env, encoding: 'utf8' });
    const lines = said.trimEnd().split('\n');
    expect(lines, said).toHaveLength(3);
    expect(lines.slice(1), said).toEqual([`head  ${event.hash}`, `key   ${publicKey}`]);
    expect(printableLines(said)).toBe(said);
  }
});

test('JSON that is shown to a person is the same JSON, without what a terminal acts on', () => {
  const value = { [ESCAPE]: ['\u009b8m', '\u202e', '\u2028', '\u007f', 'plain ☃ 𝄞'] };
  const shown = printableJson(value);
  expect(JSON.parse(shown)).toEqual(value);
  expect(shown.split('\n').map(printable).join('\n')).toBe(shown);
});
