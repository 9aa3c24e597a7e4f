// Lines of bytes that are held, one after the other: a text cut up at once would have an object for each line, and a file can
// be nothing but ends of lines.

import { err, ok, type Result } from '../../../core/result.ts';

/** The error is a sentence. */
export type ByteLine = Result<string, string>;

export const NO_END = 'the last line has no end';

/** Each without its end. @param most bytes of one line */
export function* byteLines(bytes: Uint8Array, most: number): Generator<ByteLine, undefined> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) return void (yield err(NO_END));
    yield end - start > most ? err('its line is larger than any of a journal') : text(bytes.subarray(start, end));
    start = end + 1;
  }
}

function text(line: Uint8Array): ByteLine {
  const read = decode(line);
  return read === null ? err('its line is not UTF-8') : ok(read);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Null when it is not UTF-8. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}
