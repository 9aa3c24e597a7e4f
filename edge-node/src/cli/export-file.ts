// An export on this machine, as the lines that the platform takes: a file of lines as it is, packed or not, a Parquet file row
// group by row group.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { z } from 'zod';
import { fromCloudEvent } from '../../../core/journal/cloud-event.ts';
import { GENESIS } from '../../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../../core/journal/export-lines.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { checkpoint as checkpointSchema } from '../../../core/wire/resources.ts';
import { boundedCompressors, checkBounds } from './parquet-bounds.ts';
import { eventsOf } from './segment-file.ts';

export interface ExportFile {
  /** The lines from their beginning, each time that it is called. */
  open(): ReadableStream<Uint8Array>;
  /** Why the file could not be read to its end, or null: the error is a sentence. */
  broken(): string | null;
}

type Signed = z.infer<typeof checkpointSchema>;

/** The error is a sentence. */
export async function openExport(path: string): Promise<Result<ExportFile, string>> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    const head = Buffer.alloc(4);
    await file.read(head, 0, head.length, 0);
    if (head.toString('latin1') !== 'PAR1') return ok(fileOf(path, () => createReadStream(path)));
    const { size } = await file.stat();
    const buffer = bufferOver(file, size);
    const metadata = await parquetMetadataAsync(buffer);
    await checkBounds(metadata, size, async (start, end) => new Uint8Array(await buffer.slice(start, end)));
    const checkpoint = checkpointOf(metadata);
    if (checkpoint === null) return err(`${path} is a Parquet file, and not an export: it has no checkpoint`);
    return ok(fileOf(path, () => Readable.from(linesOf(path, size, metadata, checkpoint))));
  } catch (error) {
    return err(unreadable(path, error));
  } finally {
    await file?.close();
  }
}

function fileOf(path: string, read: () => Readable): ExportFile {
  let broken: string | null = null;
  return {
    open: () =>
      webStream(
        read().on('error', (error) => {
          broken = unreadable(path, error);
        }),
      ),
    broken: () => broken,
  };
}

function unreadable(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
  return `${path} cannot be read${code}`;
}

function webStream(readable: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(readable) as unknown as ReadableStream<Uint8Array>; // the platform's own, and it brings bytes
}

function checkpointOf({ key_value_metadata: entries = [] }: FileMetaData): Signed | null {
  const text = entries.find(({ key }) => key === 'starling.checkpoint')?.value;
  const parsed = z.preprocess(parse, checkpointSchema).safeParse(text);
  return parsed.success ? parsed.data : null;
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined; // no checkpoint: the schema says so
  }
}

/** The lines of an export, out of its columns. What they hold, the platform checks. */
async function* linesOf(
  path: string,
  size: number,
  metadata: FileMetaData,
  checkpoint: Signed,
): AsyncGenerator<Uint8Array, void> {
  const handle = await open(path, 'r');
  try {
    const file = bufferOver(handle, size);
    yield Buffer.from(`${exportHeader(checkpoint)}\n`);
    const compressors = boundedCompressors(size);
    let previous = GENESIS;
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
      const events = eventsOf({ origin: checkpoint.origin, previous }, rows).map(fromCloudEvent);
      yield Buffer.from(events.map((event) => `${eventLine(checkpoint.origin, event)}\n`).join(''));
      previous = events.at(-1)?.hash ?? previous;
      rowStart = rowEnd;
    }
  } finally {
    await handle.close();
  }
}

function bufferOver(file: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = new Uint8Array(end - start);
      await file.read(bytes, 0, bytes.length, start);
      return bytes.buffer;
    },
  };
}
