// A stream that belongs to whoever reads it: nothing is made before it is asked for, little of it is ever on its way, and a
// reader that stops reading is cut off, so that what it holds is held for a bounded time.

import { Fault } from '../../core/assert.ts';
import { readerSilenceMsMax, streamChunkBytes } from '../../core/limits.ts';

export interface PacedSource {
  /** The next bytes; null at the end. Called only when the reader wants more. @throws what breaks the stream off */
  next(): Promise<Uint8Array | null>;
  /** The stream is over, whichever way: called once. */
  ended(): void;
}

export interface PacedStream {
  readonly stream: ReadableStream<Uint8Array>;
  /** Ends it from this side: at once, without an error. */
  close(): void;
}

export function pacedStream(source: PacedSource, silenceMs = readerSilenceMsMax): PacedStream {
  /** What was made and not taken yet. */
  let rest: Uint8Array = new Uint8Array();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let held: ReadableStreamDefaultController<Uint8Array> | null = null;

  /** False when it was over before. */
  function end(): boolean {
    if (isOver) return false;
    isOver = true;
    clearTimeout(timer);
    rest = new Uint8Array();
    source.ended();
    return true;
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        held = controller;
      },
      async pull(controller) {
        clearTimeout(timer);
        if (rest.byteLength === 0) {
          const made = await source.next().catch((cause: unknown) => {
            end();
            throw cause;
          });
          if (isOver) return;
          if (made === null) {
            end();
            controller.close();
            return;
          }
          rest = made;
        }
        controller.enqueue(rest.slice(0, streamChunkBytes));
        rest = rest.subarray(streamChunkBytes);
        timer = setTimeout(() => {
          if (end()) controller.error(new Fault('its reader reads no more', { retryable: true }));
        }, silenceMs);
      },
      cancel() {
        end();
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    close() {
      if (end()) held?.close();
    },
  };
}
