// An export on this machine, as the lines that the platform takes: a file of lines as it is, packed or not, a Parquet file row
// by row.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { fromCloudEvent } from '../../../core/journal/cloud-event.ts';
import { GENESIS } from '../../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../../core/journal/export-lines.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { checkpoint as checkpointSchema } from '../../../core/wire/resources.ts';
import { type EventFile, openEventFile } from './parquet/event-file.ts';
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
    const checkpoint = checkpointOf(await openOn(file));
    if (checkpoint === null) return err(`${path} is a Parquet file, and not an export: it has no checkpoint`);
    return ok(fileOf(path, () => Readable.from(linesOf(path, checkpoint))));
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

function checkpointOf({ metadata }: EventFile): Signed | null {
  const parsed = z.preprocess(parse, checkpointSchema).safeParse(metadata.get('starling.checkpoint'));
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
async function* linesOf(path: string, checkpoint: Signed): AsyncGenerator<Uint8Array, void> {
  const handle = await open(path, 'r');
  try {
    const { rows } = await openOn(handle);
    yield Buffer.from(`${exportHeader(checkpoint)}\n`);
    for await (const event of eventsOf({ origin: checkpoint.origin, previous: GENESIS }, rows()))
      yield Buffer.from(`${eventLine(checkpoint.origin, fromCloudEvent(event))}\n`);
  } finally {
    await handle.close();
  }
}

async function openOn(file: FileHandle): Promise<EventFile> {
  const { size } = await file.stat();
  return openEventFile(size, async (start, end) => {
    const bytes = new Uint8Array(end - start);
    await file.read(bytes, 0, bytes.length, start);
    return bytes;
  });
}
