// A start that cannot go on, told in words that the person at the terminal can act on.

import { statfsSync } from 'node:fs';

/** Shown in one line, without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** What the system's errors mean to somebody who has chosen a folder. */
const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  EROFS: 'its disk is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk is full for this user',
  ENOENT: 'a folder above it is missing',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'one of its files is a folder',
  EEXIST: 'a part of the path is a file or a link that leads nowhere',
  ELOOP: 'its links lead round in a circle',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
};

/** Less than this is no room: a database needs as much to be opened. */
const roomBytesMin = 256 * 1024;

/** Why a start failed, where it is the disk: the runtime itself says only that something went wrong. */
export function diskFull(path: string, cause: unknown): StartError | null {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= roomBytesMin) return null;
  return new StartError(`${path} cannot be used: ${MEANINGS.ENOSPC} (ENOSPC)`, { cause });
}

/**
 * Does something with the files of a folder.
 * @throws StartError where the system refused; other errors as they are
 */
export function inPlainWords<T>(path: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const meaning = MEANINGS[code];
    if (error instanceof StartError || meaning === undefined) throw error;
    throw new StartError(`${path} cannot be used: ${meaning} (${code})`, { cause: error });
  }
}
