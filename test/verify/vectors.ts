// The test vectors of docs/verify/vectors, as they are made of the journal that never changes: file names and their contents.
// Whoever means to change them runs `node test/verify/vectors.ts`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { consistencyPath } from '../../core/journal/consistency.ts';
import { preimage } from '../../core/journal/event.ts';
import { inclusionPath, leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonicalStored } from '../../core/json.ts';
import { root } from '../tidy/repository.ts';
import {
  anArchive,
  anExport,
  aParquetExport,
  checkpointOf,
  consistencyProof,
  eventProof,
  events,
  hex,
  origin,
  taskProof,
  tree,
  whole,
} from './a-journal.ts';

export const folder = join(root, 'docs/verify/vectors');

/** JSON texts that say the same as the canonical one beside them, or nothing at all. */
const SPELLINGS = [
  '{"b":1,"a":2}',
  '{"\\u00e9":1,"e":[1.0,10e1,1E-7,0.000001,1e21,123456789012345680000,-0]}',
  '["\\u0000\\b\\t\\n\\f\\r\\"\\\\/\\u007f\\u2028","\\ud834\\udd1e","\\ud800"]',
  '{"\\ufb00":1,"\\ud834\\udd1e":2,"\\ufffd":3,"":4}',
  '[9007199254740991,9007199254740993,1.7976931348623157e308,5e-324,4.9e-324,0.1,333333333.33333329,1e-27]',
  '[4.50,2e-3,0.000000000000000000000000001,1.5e300,1e23,1e20,1e-6,9.5e-7]',
];

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

function texts(): Record<string, string> {
  const genesis = events[0];
  return {
    'canonical.json': json(SPELLINGS.map((text) => ({ text, canonical: canonicalStored(JSON.parse(text)) }))),
    'events.json': json(
      events.map((event) => ({ seq: event.seq, preimage: preimage(origin, event), hash: event.hash })),
    ),
    'merkle.json': json({
      leaves: events.map(({ hash }) => hex(leafOf(hash))),
      roots: events.map((_, index) => hex(rootOf(tree, index + 1))),
      inclusion: [0, 7, 12, 20].map((index) => ({
        index,
        size: events.length,
        path: inclusionPath(tree, index, events.length).map(hex),
      })),
      consistency: [1, 4, 6, 8, 16, 20, 21].map((from) => ({
        from,
        to: events.length,
        path: consistencyPath(tree, from, events.length).map(hex),
      })),
    }),
    'checkpoint.json': json(whole),
    'held.json': json(checkpointOf(8)),
    'consistency.json': json(consistencyProof(8)),
    'event.json': json(eventProof(5)),
    'task.json': json(taskProof()),
    'export.ndjson': anExport(),
    'refused.json': json(REFUSED),
    'key.txt': `${genesis === undefined ? '' : whole.publicKey}\n`,
  };
}

/** What must not be accepted: `find` in the file becomes `put`, and the verifier names the event. */
export const REFUSED: readonly { file: string; find: string; put: string; seq: number | null; why: string }[] = [
  { file: 'export.ndjson', find: '"amountMicro":400,', put: '"amountMicro":401,', seq: 8, why: 'another amount' },
  { file: 'export.ndjson', find: '"actor":"user/usr_1"', put: '"actor":"user/usr_2"', seq: 1, why: 'another actor' },
  { file: 'export.ndjson', find: '09:00:01.001Z', put: '09:00:01.002Z', seq: 2, why: 'another time' },
  {
    file: 'export.ndjson',
    find: '"version":1,"origin"',
    put: '"version":1,"orıgin"',
    seq: null,
    why: 'a first line that is none',
  },
  { file: 'export.ndjson', find: '"name":"main"', put: '"name":"main","x":1', seq: 1, why: 'a member put in' },
  { file: 'export.ndjson', find: '"size":21', put: '"size":20', seq: 21, why: 'a checkpoint of fewer events' },
  {
    file: 'task.json',
    find: '"settledMicro": 400',
    put: '"settledMicro": 300',
    seq: null,
    why: 'a transfer that no event says',
  },
  { file: 'task.json', find: '"index": 3', put: '"index": 5', seq: 4, why: 'an event in another place' },
  { file: 'event.json', find: '"index": 4', put: '"index": 6', seq: 5, why: 'an event in another place' },
  { file: 'consistency.json', find: '"from": 8', put: '"from": 7', seq: null, why: 'a proof from another size' },
  { file: 'checkpoint.json', find: '"size": 21', put: '"size": 22', seq: null, why: 'a size that was not signed' },
];

/** The files that are texts: they are made again byte by byte. */
export const TEXTS: Readonly<Record<string, string>> = texts();

if (import.meta.main) {
  const files = new Map<string, string | Uint8Array>(Object.entries(TEXTS));
  for (const [name, bytes] of await anArchive([8, 8, 5])) files.set(`archive/${name}`, bytes);
  files.set('export.parquet', await aParquetExport());
  for (const [name, content] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}
