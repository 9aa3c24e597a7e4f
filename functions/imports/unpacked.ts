// The bytes of an export as they were before it was sent: never more than the limit, never waited for longer than a silence
// may last, and unpacked where they are packed. Nothing is held but what is on its way.

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { importBytesMax, importSilenceMsMax } from '../../core/limits.ts';

/** Why a body was not read to its end. */
export type BodyFault =
  | { readonly code: 'body_too_large'; readonly bytesMax: number }
  | { readonly code: 'body_too_slow'; readonly silenceMsMax: number }
  | { readonly code: 'body_incomplete' };

/** Thrown out of the reading: the body is not to be had. */
export class BodyBroken extends Error {
  override readonly name = 'BodyBroken';
  readonly fault: BodyFault;
  constructor(fault: BodyFault) {
    super(fault.code);
    this.fault = fault;
  }
}

export interface UnpackDeps {
  pause(ms: number): Promise<void>;
}

/** gzip begins so (RFC 1952); JSON does not. */
const PACKED = [0x1f, 0x8b] as const;
/** What is unpacked at once: a thousand times as much may come of it. */
const packedBytesAtOnce = 16 * 1024;

/**
 * The body's bytes, unpacked.
 * @param body null is a body without bytes
 * @throws BodyBroken when it is too large, too slow or breaks off
 */
export async function* unpacked(
  body: ReadableStream<Uint8Array> | null,
  deps: UnpackDeps,
): AsyncGenerator<Uint8Array, void> {
  const arriving = arrivals(body, deps);
  let first: Uint8Array = new Uint8Array();
  while (first.length < PACKED.length) {
    const next = await arriving.next();
    if (next.done) break;
    first = Buffer.concat([first, next.value]);
  }
  const whole = following(first, arriving);
  const isPacked = PACKED.every((byte, at) => first[at] === byte);
  let bytes = 0;
  for await (const chunk of isPacked ? gunzipped(whole) : whole) {
    bytes += chunk.length;
    if (bytes > importBytesMax) throw new BodyBroken({ code: 'body_too_large', bytesMax: importBytesMax });
    yield chunk;
  }
}

/** What arrives, as it arrives; whoever stops reading stops the sender. */
async function* arrivals(
  body: ReadableStream<Uint8Array> | null,
  { pause }: UnpackDeps,
): AsyncIterableIterator<Uint8Array> {
  if (body === null) return;
  const reader = readerOf(body);
  // One pause at a time, for a large body comes in more pieces than there may be timers: a silence is noticed after one to
  // two of them.
  let silence = pause(importSilenceMsMax);
  let isSilent = true;
  try {
    let reading = reader.read();
    for (;;) {
      const arrived = await Promise.race([reading, silence]).catch(() => 'gone' as const);
      if (arrived === 'gone') throw new BodyBroken({ code: 'body_incomplete' });
      if (!arrived) {
        if (isSilent) throw new BodyBroken({ code: 'body_too_slow', silenceMsMax: importSilenceMsMax });
        silence = pause(importSilenceMsMax);
        isSilent = true;
        continue;
      }
      if (arrived.done || arrived.value === undefined) return;
      isSilent = false;
      yield arrived.value;
      reading = reader.read();
    }
  } finally {
    // Not awaited: what the sender still sends is not ours to wait for.
    reader.cancel().catch(() => undefined);
  }
}

/** A body of the platform's own fills what it is given: asked without, it brings a page at a time, which takes twice as long. */
function readerOf(body: ReadableStream<Uint8Array>): {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
} {
  let bytes: ReadableStreamBYOBReader;
  try {
    bytes = body.getReader({ mode: 'byob' });
  } catch {
    return body.getReader() as ReadableStreamDefaultReader<Uint8Array>; // it is no stream of bytes, but of pieces
  }
  return { read: () => bytes.read(new Uint8Array(readBytes)), cancel: () => bytes.cancel() };
}
const readBytes = 64 * 1024;

async function* following(
  first: Uint8Array,
  rest: AsyncIterableIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    if (first.length > 0) yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function* gunzipped(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const source = Readable.from(slices(packed));
  const unpacking = createGunzip();
  source.on('error', (cause) => unpacking.destroy(cause));
  source.pipe(unpacking);
  try {
    for await (const chunk of unpacking) yield chunk;
  } catch (cause) {
    // Its own failure is a packing that is damaged or cut off.
    throw cause instanceof BodyBroken ? cause : new BodyBroken({ code: 'body_incomplete' });
  } finally {
    source.destroy();
    unpacking.destroy();
  }
}

async function* slices(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += packedBytesAtOnce) {
      yield chunk.subarray(from, from + packedBytesAtOnce);
    }
  }
}
