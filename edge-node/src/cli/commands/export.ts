// export: writes the whole journal to a file, as it comes. The file has its name only once it is whole.

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EXPORT_FORMATS, type ExportFormat } from '../../../../core/swarm/service.ts';
import { triesMax } from '../api.ts';
import { type CommandContext, fail, misused, print, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { createProgress } from '../output.ts';
import { exportEnd } from '../whole-export.ts';

/** Only whoever made it reads it: a journal holds everything that a swarm has done. */
const fileMode = 0o600;
const retryMs = 1_000;

export async function exportJournal(context: CommandContext): Promise<ExitCode> {
  const { flags, terminal } = context;
  const text = flags.one('format') ?? 'ndjson';
  const format = EXPORT_FORMATS.find((known) => known === text);
  if (format === undefined) return misused(context, `--format is ${EXPORT_FORMATS.join(' or ')}`);
  const path = resolve(terminal.cwd, flags.one('output') ?? `journal.${format}`);
  const partial = `${path}.${randomUUID()}.part`;
  let file: FileHandle;
  try {
    file = await open(partial, 'wx', fileMode);
  } catch (error) {
    return unwritable(context, path, error);
  }
  try {
    const written = await write(context, format, file);
    if ('exit' in written) return written.exit;
    await file.sync();
    await rename(partial, path);
    const { bytes } = written;
    print(context, { path, format, bytes }, `Exported to ${path}: ${bytes} bytes.\n`);
    return EXIT.ok;
  } catch (error) {
    return unwritable(context, path, error);
  } finally {
    await file.close();
    // Gone already when it was renamed.
    await rm(partial, { force: true });
  }
}

/** Writes all of it, from the beginning again when the line breaks. @throws what the file system throws */
async function write(
  context: CommandContext,
  format: ExportFormat,
  file: FileHandle,
): Promise<{ readonly bytes: number } | { readonly exit: ExitCode }> {
  const { api, terminal } = context;
  const progress = createProgress(terminal);
  for (let tries = 1; ; tries++) {
    const opened = await api.stream(`/v1/export?format=${format}`, { accept: '*/*' });
    if (!opened.ok) return { exit: refused(context, opened.error) };
    await file.truncate(0);
    const end = exportEnd(format);
    let bytes = 0;
    const isRead = await readAll(opened.value, async (chunk) => {
      await writeAll(file, chunk, bytes);
      end.push(chunk);
      bytes += chunk.length;
      progress.show(`${bytes} bytes`);
    });
    progress.clear();
    if (isRead && end.isWhole()) return { bytes };
    if (terminal.interrupted.aborted) return { exit: EXIT.interrupted };
    if (tries >= triesMax)
      return { exit: refused(context, { kind: 'unreachable', message: `${api.url}: the export broke off` }) };
    await terminal.pause(retryMs * tries, terminal.interrupted);
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
  }
}

/** False when the line broke. What `take` throws is the caller's. */
async function readAll(response: Response, take: (chunk: Uint8Array) => Promise<void>): Promise<boolean> {
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const read = await reader.read().catch(() => null);
    if (read === null) return false;
    if (read.done) break;
    await take(read.value);
  }
  return true;
}

function unwritable(context: CommandContext, path: string, error: unknown): ExitCode {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unwritable';
  return fail(context, 'usage', { code: 'file_unwritable', message: `${path} cannot be written (${code})` });
}
