// A Parquet file of events as the archive and the export write them, read row group by row group and row by row: what is held
// is one group, whatever the file says of itself. A small file can say that it has billions of rows, that one page unpacks to
// gigabytes, or that all its rows are one large body; all of that is counted before it is unpacked or parsed [EXPORT-20].

import { importLineBytesMax, segmentBytesMax, segmentEvents } from '../../../../core/limits.ts';
import { BYTE_ARRAY, type Cell, type Column, FIXED, hashBytes, INT32, INT64, readColumn } from './column.ts';
import { count, NotOurs, type Struct, structOf, structsOf, Thrift, textOf } from './thrift.ts';

/** Half of a hash: each row has one, which nothing compresses, so a file cannot hold more rows than it has bytes for them. */
const rowBytesMin = 16;
/** What all pages of one file may unpack to, and what all its rows may be as text: so much, and so many times its size. */
const fileBytesMin = 32 * 1024 * 1024;
const fileTimesMax = 100;
/** What the pages of one group may unpack to: a segment is one group, and a character of its text has three bytes at most. */
const groupBytesMax = 8 * segmentBytesMax;
/** Six thousand groups of ours. */
const footerBytesMax = 4 * 1024 * 1024;

const text = (name: string, isNullable = false): Column => ({ name, type: BYTE_ARRAY, isNullable });
const COLUMNS: readonly Column[] = [
  { name: 'seq', type: INT64, isNullable: false },
  { name: 'at', type: INT64, isNullable: false },
  text('type'),
  { name: 'version', type: INT32, isNullable: false },
  text('actor'),
  text('subject'),
  text('command'),
  text('trace', true),
  text('body'),
  { name: 'hash', type: FIXED, isNullable: false },
];

/** Bytes of the file from one place to another. Each place is read once: what is checked is what is read. */
export type Slice = (start: number, end: number) => Promise<Uint8Array> | Uint8Array;

export interface EventFile {
  readonly metadata: ReadonlyMap<string, string>;
  /** Its rows, as `eventsOfRows` takes them, each made when it is asked for. */
  rows(): AsyncGenerator<object, void>;
}

/** @throws when it is no such file */
export async function openEventFile(size: number, slice: Slice): Promise<EventFile> {
  const footer = await readFooter(size, slice);
  checkSchema(structsOf(footer.get(2)));
  const pairs = structsOf(footer.get(5)).map((pair) => [textOf(pair.get(1)), textOf(pair.get(2))] as const);
  const groups = structsOf(footer.get(4));
  const rows = groups.reduce((sum, group) => sum + count(group.get(3)), 0);
  if (rows !== count(footer.get(3)) || rows * rowBytesMin > size)
    throw new NotOurs('it says that it has more rows than a file of its size can have');
  return { metadata: new Map(pairs), rows: () => rowsOf(groups, size, slice) };
}

async function readFooter(size: number, slice: Slice): Promise<Struct> {
  if (size < 12) throw new NotOurs('it is too short');
  const [begin, end] = [await slice(0, 4), await slice(size - 8, size)];
  const length = new DataView(end.buffer, end.byteOffset).getUint32(0, true);
  const isParquet = [begin, end.subarray(4)].every((mark) => Buffer.from(mark).toString('latin1') === 'PAR1');
  if (!isParquet || length > Math.min(footerBytesMax, size - 12))
    throw new NotOurs('it has no footer, or too large a one');
  return new Thrift(await slice(size - 8 - length, size - 8)).struct();
}

function checkSchema([, ...leaves]: readonly Struct[]): void {
  const isOurs = COLUMNS.every(({ name, type, isNullable }, index) => {
    const said = structOf(leaves[index]);
    const isSized = type !== FIXED || said.get(2) === hashBytes;
    return textOf(said.get(4)) === name && said.get(1) === type && (said.get(3) ?? 0) === Number(isNullable) && isSized;
  });
  if (leaves.length !== COLUMNS.length || !isOurs) throw new NotOurs('it has other columns than ours have');
}

async function* rowsOf(groups: readonly Struct[], size: number, slice: Slice): AsyncGenerator<object, void> {
  const most = fileBytesMin + fileTimesMax * size;
  const left = { unpacked: most, packed: size };
  let taken = 0;
  for (const group of groups) {
    const columns = await readGroup(group, size, slice, left);
    for (let row = 0; row < count(group.get(3)); row++) {
      const cells = columns.map((column) => column[row] ?? null);
      const bytes = cells.reduce((sum, cell) => sum + (cell instanceof Uint8Array ? cell.length : 0), 0);
      taken += bytes;
      // A dictionary says a body once for all rows: each of them is charged, and before it is parsed.
      if (bytes > importLineBytesMax || taken > most) throw new NotOurs('its rows are more than it should have');
      yield rowOf(cells);
    }
  }
}

/** What a file may still unpack to, and what it may still be read for: no byte of it stands in two columns. */
interface Left {
  unpacked: number;
  packed: number;
}

/** All columns of one group, in their order. */
async function readGroup(group: Struct, size: number, slice: Slice, left: Left): Promise<Cell[][]> {
  const rows = count(group.get(3));
  const chunks = structsOf(group.get(1));
  if (rows > segmentEvents || chunks.length !== COLUMNS.length) throw new NotOurs('a group that is not ours');
  const before = { ...left };
  const values: Cell[][] = [];
  for (const [index, column] of COLUMNS.entries()) {
    const said = structOf(structOf(chunks[index]).get(3));
    const start = count(said.get(11) ?? said.get(9));
    const end = start + count(said.get(7));
    left.packed -= end - start;
    const isOurs = (said.get(4) === 0 || said.get(4) === 2) && said.get(1) === column.type && said.get(5) === rows;
    if (!isOurs || end > size || left.packed < Math.max(0, before.packed - groupBytesMax))
      throw new NotOurs('a column that is not ours, or too large a one');
    const unpacking = { isPacked: said.get(4) === 2, left: Math.min(left.unpacked, groupBytesMax) };
    const allowed = unpacking.left;
    values.push(readColumn(await slice(start, end), column, rows, unpacking));
    left.unpacked -= allowed - unpacking.left;
    if (left.unpacked < before.unpacked - groupBytesMax) throw new NotOurs('a group that unpacks to too much');
  }
  return values;
}

function rowOf(cells: readonly Cell[]): object {
  const named = COLUMNS.map(({ name, type }, index) => {
    const cell = cells[index] ?? null;
    return [name, cell instanceof Uint8Array && type === BYTE_ARRAY ? textOf(cell) : cell] as const;
  });
  const { at, version, ...row } = Object.fromEntries(named);
  return { ...row, at: new Date(Number(at)), version: Number(version) };
}
