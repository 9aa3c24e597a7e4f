// One file, two verifiers, one verdict: what one of them takes for proved and the other does not is a file that says something
// which nobody has signed. Files are changed by their structure, where a flipped bit would not come.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { segmentKey } from '../../core/archive/keys.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { writeSegment } from '../../durable-objects/swarm/segment-file.ts';
import { judgeArchive } from '../../edge-node/src/cli/archive-folder.ts';
import { type Judged, judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { root } from '../tidy/repository.ts';
import {
  aParquetExport,
  checkpointOf,
  events,
  hex,
  origin,
  privateKey,
  publicKey,
  whole as signed,
} from './a-journal.ts';
import { noPython } from './python.ts';
import { TEXTS } from './vectors.ts';

const seed = Number(process.env.STARLING_TEST_SEED ?? 1);
const changes = 600;
const held = checkpointOf(8);

let python: ChildProcess | null = null;
const waiting: ((answer: string) => void)[] = [];
beforeAll(() => {
  if (noPython) return;
  python = spawn('python3', [join(root, 'test/verify/judge.py'), join(root, 'docs/verify/verify.py')]);
  // It was started with pipes.
  createInterface({ input: python.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) =>
    waiting.shift()?.(JSON.parse(line)),
  );
});
afterAll(() => python?.kill());

/** What verify.py says; null where there is no Python. */
function asked(question: object): Promise<string | null> {
  if (python === null) return Promise.resolve(null);
  return new Promise((resolve) => {
    waiting.push(resolve);
    python?.stdin?.write(`${JSON.stringify(question)}\n`);
  });
}
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const verdictOf = (judged: Judged) => (judged.what !== 'unreadable' && judged.verdict.ok ? 'proved' : 'refused');
const known = (isHeld: boolean) => (isHeld ? { held } : {});

async function verdicts(bytes: Uint8Array, isHeld = false): Promise<readonly string[]> {
  const ours = verdictOf(await judgeBytes(bytes, known(isHeld)));
  return [ours, (await asked({ file: base64(bytes), ...known(isHeld) })) ?? ours];
}

async function archiveVerdicts(files: Map<string, Uint8Array>, kept?: SignedCheckpoint): Promise<readonly string[]> {
  const beside = kept === undefined ? {} : { held: kept };
  const ours = verdictOf(await judgeArchive((name) => files.get(name) ?? null, beside));
  const folder = Object.fromEntries([...files].map(([name, bytes]) => [name, base64(bytes)]));
  return [ours, (await asked({ folder, ...beside })) ?? ours];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

/** What may stand in the place of a token of JSON: another spelling of the same, or something else. */
function instead(token: string): readonly string[] {
  const own = token.slice(1, -1);
  if (token === '{') return ['{"extra":1,', '{"__proto__":1,', '{"traceparent":null,', '{"toJSON":1,', '{ '];
  if (token === '[') return ['[null,', '[ ', '[1,'];
  if (/^-?\d/.test(token))
    return [`${token}.0`, `${token}e0`, `-${token}`, 'true', `"${token}"`, `${token}0`, `[${token}]`];
  if (token.startsWith('"')) {
    const escaped = own === '' ? own : `\\u${own.charCodeAt(0).toString(16).padStart(4, '0')}${own.slice(1)}`;
    return [
      `"${escaped}"`,
      'null',
      'true',
      `"${own.toUpperCase()}"`,
      `"${own}\\n"`,
      `"${own}="`,
      `${token}:1,${token}`,
    ];
  }
  return token === ',' || token === ':'
    ? [`${token} `, `\r${token}`, `\u00a0${token}`, token + token]
    : ['0', '1', '{}'];
}

function generator(from: number): (n: number) => number {
  let state = from >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** An archive in segments of these sizes, under a checkpoint that need not be of all of them. */
async function anArchiveOf(all: readonly StoredEvent[], sizes: readonly number[], checkpoint: SignedCheckpoint) {
  const files = new Map<string, Uint8Array>();
  const segments: object[] = [];
  let start = 0;
  for (const size of sizes) {
    const rows = all.slice(start, start + size);
    start += size;
    const [first, last] = [rows[0] as StoredEvent, rows.at(-1) as StoredEvent];
    const top = hex(rootOf({ leaf: (index) => leafOf(rows[index]?.hash ?? '') }, size));
    const said = { from: first.seq, to: last.seq, previous: first.previous, head: last.hash, root: top };
    const bytes = await writeSegment({ origin, ...said }, rows);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const key = segmentKey(origin, first.seq, last.seq, sha256);
    files.set(basename(key), bytes);
    segments.push({ ...said, key, sha256, bytes: bytes.length });
  }
  const manifest = { starling: 'archive', version: 1, origin, segments, checkpoint };
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return files;
}

function next(before: StoredEvent | undefined, body: string, at = 1_764_000_000_000): StoredEvent {
  const context = { at, actor: 'user/usr_1', command: 'api/1', trace: null };
  const said = { type: 'a.thing', subject: 'a/1', body };
  return chain(origin, before?.hash ?? GENESIS, (before?.seq ?? 0) + 1, said, context);
}

function signOne(event: StoredEvent): SignedCheckpoint {
  const only = hex(rootOf({ leaf: () => leafOf(event.hash) }, 1));
  return signCheckpoint({ origin, size: 1, head: event.hash, root: only, at: 1 }, privateKey, publicKey);
}

const PROVED = ['proved', 'proved'];
const BOTH_REFUSE = ['refused', 'refused'];

describe('[VERIFY-2] both verifiers give one verdict', () => {
  test(`of JSON that was changed by its structure, ${changes} times (seed ${seed})`, { timeout: 120_000 }, async () => {
    const random = generator(seed);
    const names = ['export.ndjson', 'task.json', 'event.json', 'checkpoint.json', 'consistency.json'];
    for (let n = 0; n < changes; n++) {
      const name = names[random(names.length)] ?? '';
      const text = TEXTS[name] ?? '';
      const tokens = [...text.matchAll(TOKEN)];
      const token = tokens[random(tokens.length)];
      const puts = instead(token?.[0] ?? '');
      const put = puts[random(puts.length)] ?? '';
      const at = token?.index ?? 0;
      const changed = text.slice(0, at) + put + text.slice(at + (token?.[0].length ?? 0));
      const [ours, theirs] = await verdicts(Buffer.from(changed), name === 'consistency.json');
      expect(theirs, `${name}, ${put} at ${at}`).toBe(ours);
    }
  });

  test(`of a Parquet file with another byte, ${changes} times (seed ${seed})`, { timeout: 120_000 }, async () => {
    const random = generator(seed);
    const file = await aParquetExport();
    const footer = file.length - 8 - new DataView(file.buffer, file.byteOffset).getUint32(file.length - 8, true);
    for (let n = 0; n < changes; n++) {
      const changed = file.slice();
      const at = random(3) === 0 ? random(file.length) : footer + random(file.length - footer);
      changed[at] = random(256);
      const [ours, theirs] = await verdicts(changed);
      expect(theirs, `byte ${at} is ${changed[at]}`).toBe(ours);
    }
  });

  test('of members that no hash covers, at any level', async () => {
    for (const name of ['export.ndjson', 'task.json', 'event.json', 'consistency.json'])
      for (const { 0: brace, index } of (TEXTS[name] ?? '').matchAll(/\{/g)) {
        const text = TEXTS[name] ?? '';
        const changed = `${text.slice(0, index)}${brace}"note":"paid twice",${text.slice(index + 1)}`;
        expect(await verdicts(Buffer.from(changed), name === 'consistency.json'), `${name}, ${index}`).toEqual(
          BOTH_REFUSE,
        );
      }
  });

  test('of events behind the signed head of an archive', async () => {
    const forged = [...events];
    for (let n = 0; n < 2; n++) forged.push(next(forged.at(-1), '{"forged":true}', (forged.at(-1)?.at ?? 0) + 1));
    expect(await archiveVerdicts(await anArchiveOf(forged, [8, 8, 5], signed))).toEqual(PROVED);
    expect(await archiveVerdicts(await anArchiveOf(forged, [8, 8, 7], signed))).toEqual(BOTH_REFUSE);
    expect(await archiveVerdicts(await anArchiveOf(forged, [8, 8, 5, 2], signed))).toEqual(BOTH_REFUSE);
  });

  test('of a held checkpoint with the head that is shown and another root', async () => {
    const { head } = held;
    const lying = signCheckpoint({ origin, size: 8, head, root: GENESIS, at: 1 }, privateKey, publicKey);
    const files = await anArchiveOf(events, [8, 8, 5], signed);
    expect(await archiveVerdicts(files, held)).toEqual(PROVED);
    expect(await archiveVerdicts(files, lying)).toEqual(BOTH_REFUSE);
  });

  test('of a member that stands twice as deep as data may be nested', async () => {
    for (const depth of [1, 69, 70]) {
      const event = next(
        undefined,
        `{"publicKey":"${publicKey}","x":${'{"a":'.repeat(depth)}{"q":2}${'}'.repeat(depth)}}`,
      );
      const file = `${exportHeader(signOne(event))}\n${eventLine(origin, event)}\n`;
      expect(await verdicts(Buffer.from(file)), `${depth} deep`).toEqual(PROVED);
      const twice = file.replace('{"q":2}', '{"q":1,"q":2}');
      expect(await verdicts(Buffer.from(twice)), `${depth} deep`).toEqual(BOTH_REFUSE);
    }
  });

  test('of data that is nested too deeply, and of times that no calendar has', async () => {
    const body = (depth: number) => `{"publicKey":"${publicKey}","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    for (const [event, verdict] of [
      [next(undefined, body(71)), PROVED],
      [next(undefined, body(72)), BOTH_REFUSE],
      [next(undefined, body(1), Date.parse('9999-12-31T23:59:59.999Z')), PROVED],
      [next(undefined, body(1), Date.parse('9999-12-31T23:59:59.999Z') + 1), BOTH_REFUSE],
      [next(undefined, body(1), Date.parse('0001-01-01T00:00:00.000Z') - 1), BOTH_REFUSE],
    ] as const) {
      const files = await anArchiveOf([event], [1], signOne(event));
      expect(await archiveVerdicts(files), event.body.slice(0, 200)).toEqual(verdict);
      const file = `${exportHeader(signOne(event))}\n${eventLine(origin, event)}\n`;
      expect(await verdicts(Buffer.from(file)), event.body.slice(0, 200)).toEqual(verdict);
    }
  });

  test('of checkpoints that no journal has, and of keys under which anybody signs', async () => {
    const sign = (part: Partial<SignedCheckpoint>) =>
      Buffer.from(JSON.stringify(signCheckpoint({ ...signed, ...part }, privateKey, publicKey)));
    for (const part of [{ size: 0 }, { size: -1 }, { head: 'x' }, { root: signed.root.toUpperCase() }])
      expect(await verdicts(sign(part)), JSON.stringify(part)).toEqual(BOTH_REFUSE);
    const signature = Buffer.from(`01${'00'.repeat(63)}`, 'hex').toString('base64url');
    for (const point of [`01${'00'.repeat(31)}`, '00'.repeat(32), `ec${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}7f`]) {
      const key = Buffer.from(point, 'hex').toString('base64url');
      const anybodys = Buffer.from(JSON.stringify({ ...signed, signature, publicKey: key }));
      expect(await verdicts(anybodys), point).toEqual(BOTH_REFUSE);
    }
  });
});
