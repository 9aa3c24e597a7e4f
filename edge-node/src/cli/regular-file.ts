// A file read whole, for what is held while it is proved. What is looked at is what is opened, and no more of it is read than
// it had then: a name can become another file meanwhile, and a file can grow.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Null when it is not there, is no regular file (a pipe or a device may have no end), or has more than so many bytes. */
export function readRegularFile(path: string, bytesMax: number): Uint8Array | null {
  let file: number | null = null;
  try {
    // A pipe that nobody writes to would be waited for; Windows has no such flag.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const entry = fstatSync(file);
    if (!entry.isFile() || entry.size > bytesMax) return null;
    const bytes = new Uint8Array(entry.size);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } catch {
    return null; // the caller says so
  } finally {
    if (file !== null) closeSync(file);
  }
}
