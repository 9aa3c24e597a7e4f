// verify: proves a journal, of a server from its first event or from a checkpoint that was kept, or of a file that somebody
// gave. The proofs are core's; this brings what is proved and says how it ended.

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { SignedCheckpoint } from '../../../../core/journal/checkpoint.ts';
import { judgeArchive } from '../archive-folder.ts';
import { type CommandContext, misused, print } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readHeld } from '../held-checkpoint.ts';
import { printable } from '../output.ts';
import { type Judged, judgeBytes, type Known } from '../proved-file.ts';
import { verifyServer } from '../proved-server.ts';
import { readRegularFile } from '../regular-file.ts';
import { unproved } from '../unproved.ts';

export async function verify(context: CommandContext): Promise<ExitCode> {
  const { flags, words } = context;
  const held = readHeld(context);
  if (!held.ok) return misused(context, held.error);
  const [file] = words;
  if (flags.has('quick') && (file !== undefined || held.value === null))
    return misused(context, '--quick needs a checkpoint that is kept already: --held <file>');
  if (file === undefined) return verifyServer(context, held.value);
  const known: Known = { key: flags.one('key'), ...(held.value === null ? {} : { held: held.value }) };
  const judged = await judgePath(resolve(context.terminal.cwd, file), known);
  return judged === null
    ? misused(context, `${file} cannot be read: it is not there, is no file, or has more than ${fileBytesMax} bytes`)
    : conclude(context, judged, held.value);
}

/** What is proved is held whole while it is. */
const fileBytesMax = 1024 * 1024 * 1024;

/** Null when there is nothing that can be read. */
async function judgePath(path: string, known: Known): Promise<Judged | null> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    return judgeArchive((name, bytesMax) => readRegularFile(join(path, name), bytesMax), known);
  const bytes = readRegularFile(path, fileBytesMax);
  return bytes === null ? null : judgeBytes(bytes, known);
}

function conclude(context: CommandContext, judged: Judged, held: SignedCheckpoint | null): ExitCode {
  if (judged.what === 'unreadable') return misused(context, `it cannot be proved: ${judged.why}`);
  const { what, verdict } = judged;
  if (!verdict.ok) return unproved(context, verdict);
  const since = held === null ? '' : `\nheld  ${held.size} events, of which it goes on`;
  print(
    context,
    { ...verdict, what },
    `Proved: ${SAID[what]} of ${printable(verdict.origin)}, ${verdict.size} events signed.\nhead  ${verdict.head}\nkey   ${verdict.publicKey}${since}\n`,
  );
  return EXIT.ok;
}

const SAID = {
  export: 'an export',
  archive: 'an archive',
  task: 'a task',
  event: 'an event',
  consistency: 'that the journal goes on',
  checkpoint: 'a checkpoint',
} as const;
