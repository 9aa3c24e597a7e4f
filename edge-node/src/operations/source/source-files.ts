// Finds the source files below a granted folder and reads them one at a time. It follows no links and says what it left
// out; it knows nothing of syntax.

import { constants, existsSync, fstatSync, lstatSync } from 'node:fs';
import { type FileHandle, open, opendir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Permissions } from '../../permissions.ts';
import {
  entriesMax,
  filesMax,
  folderDepthMax,
  folderNameCharsMax,
  folderNamesMax,
  sourceFileBytesMax,
  sourceMsMax,
} from '../limits.ts';
import { type OperationContext, OperationFailure } from '../operation.ts';
import { type Language, languageOf } from './languages.ts';
import { isMade } from './made-folders.ts';

const count = z.int().nonnegative();

/** How many files or folders were left out, by reason. */
export const skippedSchema = z
  .strictObject({
    folders: count.describe('dependency, build and hidden folders, and folders deeper than the limit'),
    folderNames: z
      .array(z.string())
      .optional()
      .describe('those of them that somebody may have written, at most 20; always there since version 1.1.0'),
    links: count.describe('symbolic links, which are not followed'),
    notSource: count.describe('files of no known language, minified files and lock files'),
    tooLarge: count.describe('files over 1 MiB'),
    refused: count.describe('files or folders the device does not grant'),
    unreadable: count.describe('files that could not be read as UTF-8 text'),
    unparsed: count.describe('files too large, too slow or too deeply nested to parse; counted by lines only'),
    beyondFileCap: count.describe('files after the first 5,000, and entries after the first 100,000'),
    beyondTime: count.describe('files not reached in time'),
  })
  .describe('what was left out, by reason');

export type Skipped = z.infer<typeof skippedSchema>;

/** A file found, its path relative to the folder asked for, with `/` on every platform. */
export interface SourceFile {
  readonly path: string;
  readonly absolutePath: string;
  readonly language: Language;
}

/** The files below a folder in a fixed order, and what was left out. `skipped` is counted on while files are read. */
export interface SourceTree {
  readonly files: readonly SourceFile[];
  readonly skipped: Skipped & { folderNames: string[] };
}

/**
 * The source files of a granted folder, or the one file when `path` is a file. Folders are read breadth first and in
 * order of name, so the same tree gives the same list.
 */
export async function findSourceFiles(path: string, context: OperationContext): Promise<SourceTree> {
  const root = context.permissions.readable(path);
  const skipped: SourceTree['skipped'] = {
    folders: 0,
    folderNames: [],
    links: 0,
    notSource: 0,
    tooLarge: 0,
    refused: 0,
    unreadable: 0,
    unparsed: 0,
    beyondFileCap: 0,
    beyondTime: 0,
  };
  if (!(await stat(root)).isDirectory()) return { files: oneFile(root), skipped };
  const files: SourceFile[] = [];
  const folders: { path: string; depth: number }[] = [{ path: '', depth: 0 }];
  let entriesLeft = entriesMax;
  for (const folder of folders) {
    context.signal.throwIfAborted();
    const entries = await entriesOf(join(root, folder.path), entriesLeft, skipped, context);
    entriesLeft -= entries.length;
    const beside = new Set(entries.flatMap(({ name, kind }) => (kind === 'file' ? [name] : [])));
    for (const entry of entries) {
      const entryPath = folder.path === '' ? entry.name : `${folder.path}/${entry.name}`;
      if (entry.kind === 'link') skipped.links += 1;
      else if (entry.kind === 'folder') {
        const inside = { has: (file: string) => existsSync(join(root, entryPath, file)) };
        const made = isMade(entry.name, beside, inside);
        if (made === 'no' && folder.depth < folderDepthMax) folders.push({ path: entryPath, depth: folder.depth + 1 });
        else leaveOut(entryPath, made !== 'fetched', skipped);
      } else {
        const language = languageOf(entry.name);
        if (language === null) skipped.notSource += 1;
        else if (files.length >= filesMax) skipped.beyondFileCap += 1;
        else files.push({ path: entryPath, absolutePath: join(root, entryPath), language });
      }
    }
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, skipped };
}

/** Counts a folder that is left out, and names it where somebody may miss it. */
function leaveOut(path: string, isNamed: boolean, skipped: SourceTree['skipped']): void {
  skipped.folders += 1;
  if (isNamed && skipped.folderNames.length < folderNamesMax && path.length <= folderNameCharsMax)
    skipped.folderNames.push(path);
}

function oneFile(absolutePath: string): SourceFile[] {
  const language = languageOf(basename(absolutePath));
  if (language === null) throw new OperationFailure('language_unknown', 'this file is in no language known here');
  return [{ path: basename(absolutePath), absolutePath, language }];
}

interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link';
}

async function entriesOf(path: string, most: number, skipped: Skipped, context: OperationContext): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    // Asked again for each folder: a more specific grant may withhold it. And once more when it has been listed: it may have
    // been swapped for a link to a folder whose names are nobody's business.
    const real = context.permissions.readable(path);
    for await (const entry of await opendir(real)) {
      if (entries.length >= most) {
        skipped.beyondFileCap += 1;
        continue;
      }
      if (entry.isSymbolicLink()) entries.push({ name: entry.name, kind: 'link' });
      else if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'folder' });
      else if (entry.isFile()) entries.push({ name: entry.name, kind: 'file' });
    }
    if (context.permissions.readable(real) !== real)
      throw new OperationFailure('path_not_granted', 'the folder changed');
  } catch {
    skipped.refused += 1; // Withheld by a grant or by the system: either way it is not ours to read.
    return [];
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Calls `use` with the text of each file in turn, one file in memory at a time, until the time is over. Reports progress
 * up to 0.95 and counts on what it could not read.
 */
export async function eachSourceText(
  tree: SourceTree,
  context: OperationContext,
  use: (file: SourceFile, text: string) => void | Promise<void>,
): Promise<void> {
  const startedAt = context.now();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  for (const [index, file] of tree.files.entries()) {
    context.signal.throwIfAborted();
    if (context.now() - startedAt > sourceMsMax) {
      tree.skipped.beyondTime += tree.files.length - index;
      return;
    }
    // Every 32 files keeps the reports few; the last one belongs to the operation.
    if (index % 32 === 0) context.progress((0.95 * index) / tree.files.length, file.path);
    const bytes = await bytesOf(file, tree.skipped, context);
    if (bytes === null) continue;
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      tree.skipped.unreadable += 1; // Not UTF-8: binary under a source name, or an old encoding.
      continue;
    }
    await use(file, text);
  }
}

async function bytesOf(file: SourceFile, skipped: Skipped, context: OperationContext): Promise<Uint8Array | null> {
  try {
    return await readGranted(file.absolutePath, sourceFileBytesMax, context);
  } catch (error) {
    if (!(error instanceof OperationFailure)) skipped.unreadable += 1;
    else if (error.code === 'file_too_large') skipped.tooLarge += 1;
    else skipped.refused += 1;
    return null;
  }
}

/** The bytes of a granted regular file. Throws as `openGranted` does, and `file_too_large`. */
export async function readGranted(path: string, bytesMax: number, context: OperationContext): Promise<Uint8Array> {
  await using file = await openGranted(path, context);
  const { size } = await file.stat();
  if (size > bytesMax) throw new OperationFailure('file_too_large', `the file is over ${bytesMax} bytes`);
  return readRange(file, 0, size);
}

/** Up to `length` bytes from `offset`; fewer when the file ends. A file that grows meanwhile is not followed. */
export async function readRange(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/**
 * An open handle on a granted regular file; the caller closes it. It is opened first and judged then, by what the descriptor
 * is: a file that comes to this path after the check is not the one that was granted. Throws `path_not_granted`,
 * `path_not_found`, `not_a_file`, or `file_unreadable` (retryable).
 */
export async function openGranted(
  path: string,
  { permissions }: { readonly permissions: Permissions },
  right: 'read' | 'run' = 'read',
): Promise<FileHandle> {
  const real = permissions.located(path, right);
  // Not even opened: some devices do something when they are, and a pipe would wake whoever writes to it.
  if (!lstatSync(real, { throwIfNoEntry: false })?.isFile()) throw notAFile();
  const file = await openFile(real);
  try {
    if (!fstatSync(file.fd).isFile()) throw notAFile();
    permissions.opened(file.fd, real, right);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function notAFile(): OperationFailure {
  return new OperationFailure('not_a_file', 'the path is not a regular file');
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A link put in place of the file after the check is not followed, and a pipe without a writer does not hang.
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw new OperationFailure('file_unreadable', 'the system did not let the file be opened', {
      retryable: true,
      cause,
    });
  }
}
