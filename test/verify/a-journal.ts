// A small journal that never changes: fixed keys, times and events, with what makes canonical JSON hard. The test vectors of
// docs/verify are made of it. It depends on nothing of a swarm's behaviour, only on how events are hashed and signed.

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { basename } from 'node:path/posix';
import { segmentKey } from '../../core/archive/keys.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { consistencyPath } from '../../core/journal/consistency.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { inclusionPath, leafOf, rootOf, type TreeReader } from '../../core/journal/merkle.ts';
import { canonicalStored } from '../../core/json.ts';
import { ok } from '../../core/result.ts';
import { parquetExport } from '../../durable-objects/swarm/export-parquet.ts';
import { writeSegment } from '../../durable-objects/swarm/segment-file.ts';

export const origin = 'tnt_01k9qv3m8e0000000000000000/swm_01k9qv3m8e0000000000000001';
const [tenant, swarm] = origin.split('/');
export const task = 'tsk_01k9qv3m8e0000000000000003';
const hold = 'trf_01k9qv3m8e0000000000000004';
const start = Date.parse('2026-11-20T09:00:00.000Z');

/** Test vector 1 of RFC 8032, section 7.1. */
const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
export const privateKey = der.toString('base64url');
export const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  .export({ format: 'der', type: 'spki' })
  .subarray(12)
  .toString('base64url');

type Line = readonly [type: string, subject: string, body: unknown, command: string];

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const held = { transfer: hold, debit: 'tenant', credit: 'executor/cloud', amountMicro: 1_000 };
const LINES: readonly Line[] = [
  ['swarm.created', `swarm/${swarm}`, { swarm, tenant, name: 'main', publicKey, supplyMicro: 1e9 }, 'create'],
  ['key.issued', 'key/key_1', { key: 'key_1', name: 'press — “3” €', scopes: ['admin'] }, 'create'],
  [
    'task.requested',
    `task/${task}`,
    { task, input: { text: '\u0000 ☃ 𝄞 \u2028 \u007f', ﬀ: 1, '𝄞': 2, a: 3 } },
    'api/1',
  ],
  ['transfer.held', `transfer/${hold}`, { ...held, reference: `task/${task}`, expiresAt: start + 90_000 }, 'api/1'],
  [
    'task.leased',
    `task/${task}`,
    { task, hold, fractions: [0.1, 1 / 3, 1e21, 1e-7, 123456789.125, -0, 5e-324] },
    'api/1',
  ],
  ['cycle.closed', `swarm/${swarm}`, { cycle: 1, next: 2 }, 'timer/cycle'],
  [
    'attempt.succeeded',
    `task/${task}`,
    { task, result: { numbers: [9007199254740991, 1.7976931348623157e308] } },
    'fact/1',
  ],
  [
    'transfer.settled',
    `transfer/${hold}`,
    {
      transfer: 'trf_01k9qv3m8e0000000000000005',
      hold,
      debit: 'tenant',
      credit: 'executor/cloud',
      heldMicro: 1_000,
      amountMicro: 400,
    },
    'fact/1',
  ],
  ['task.succeeded', `task/${task}`, { task, lone: '\ud800', deep: [[[{ '': [] }]]] }, 'fact/1'],
  ...Array.from(
    { length: 12 },
    (_, n): Line => ['transfer.posted', `transfer/trf_${n}`, { n, amountMicro: n * 1_000_003 }, `api/${n + 2}`],
  ),
];

function makeEvents(): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (const [index, [type, subject, body, command]] of LINES.entries()) {
    const said = { type, subject, body: canonicalStored(body) };
    const context = { at: start + index * 1_001, actor: 'user/usr_1', command, trace: index % 3 === 2 ? trace : null };
    events.push(chain(origin, events.at(-1)?.hash ?? GENESIS, index + 1, said, context));
  }
  return events;
}

export const events: readonly StoredEvent[] = makeEvents();
export const tree: TreeReader = { leaf: (index) => leafOf(events[index]?.hash ?? '') };
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export function checkpointOf(size: number): SignedCheckpoint {
  const unsigned = {
    origin,
    size,
    head: events[size - 1]?.hash ?? '',
    root: hex(rootOf(tree, size)),
    at: start + 60_000,
  };
  return signCheckpoint(unsigned, privateKey, publicKey);
}

export const whole = checkpointOf(events.length);

export function anExport(): string {
  return [exportHeader(whole), ...events.map((event) => eventLine(origin, event))].map((line) => `${line}\n`).join('');
}

export function eventProof(seq: number): object {
  const event = events[seq - 1] as StoredEvent;
  return {
    event: toCloudEvent(origin, event),
    leaf: hex(leafOf(event.hash)),
    index: seq - 1,
    path: inclusionPath(tree, seq - 1, whole.size).map(hex),
    checkpoint: whole,
  };
}

export function consistencyProof(from: number): object {
  return { from, to: whole.size, path: consistencyPath(tree, from, whole.size).map(hex), checkpoint: whole };
}

export function taskProof(): object {
  const own = events.filter(({ subject }) => subject === `task/${task}` || subject === `transfer/${hold}`);
  const time = (seq: number) => new Date(events[seq - 1]?.at ?? 0).toISOString();
  return {
    task,
    events: own.map((event) => toCloudEvent(origin, event)),
    inclusion: own.map(({ seq }) => ({ index: seq - 1, path: inclusionPath(tree, seq - 1, whole.size).map(hex) })),
    transfers: [
      {
        ...{
          id: hold,
          state: 'settled',
          debit: 'tenant',
          credit: 'executor/cloud',
          amountMicro: 1_000,
          settledMicro: 400,
        },
        ...{ reference: `task/${task}`, expiresAt: new Date(start + 90_000).toISOString() },
        ...{ createdAt: time(4), resolvedAt: time(8) },
      },
    ],
    checkpoint: whole,
  };
}

/** An archive of the journal in segments of `sizes` events: its files by name. */
export async function anArchive(sizes: readonly number[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const segments: object[] = [];
  let from = 1;
  for (const size of sizes) {
    const rows = events.slice(from - 1, from - 1 + size);
    const said = {
      ...{ from, to: from + size - 1, previous: rows[0]?.previous ?? '', head: rows.at(-1)?.hash ?? '' },
      root: hex(rootOf({ leaf: (index) => leafOf(rows[index]?.hash ?? '') }, size)),
    };
    const bytes = await writeSegment({ origin, ...said }, rows);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const key = segmentKey(origin, said.from, said.to, sha256);
    files.set(basename(key), bytes);
    segments.push({ ...said, key, sha256, bytes: bytes.length });
    from += size;
  }
  const manifest = { starling: 'archive', version: 1, origin, segments, checkpoint: whole };
  files.set('manifest.json', Buffer.from(`${canonicalStored(manifest)}\n`));
  return files;
}

/** The journal as one Parquet file, as an export gives it. */
export async function aParquetExport(): Promise<Uint8Array> {
  const readEvents = async (from: number, to: number) => ok(events.slice(from - 1, to));
  const parts: Uint8Array[] = [];
  for await (const part of parquetExport(whole, readEvents)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}
