// The checkpoint that a person keeps in a file: read before a journal is proved, replaced by the newer one after.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type SignedCheckpoint, verifyCheckpoint } from '../../../core/journal/checkpoint.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { checkpoint } from '../../../core/wire/resources.ts';
import { writePrivateFile } from '../home.ts';
import type { CommandContext } from './command.ts';
import { readRegularFile } from './regular-file.ts';
import { parse } from './strict-json.ts';

/** One has less than a kilobyte. */
const checkpointBytesMax = 64 * 1024;

/** What `--held` names: null without the option, or while there is no such file yet. */
export function readHeld({ flags, terminal }: CommandContext): Result<SignedCheckpoint | null, string> {
  const name = flags.one('held');
  if (name === undefined) return ok(null);
  const path = resolve(terminal.cwd, name);
  if (!existsSync(path)) return ok(null);
  const bytes = readRegularFile(path, checkpointBytesMax);
  const read = checkpoint.strict().safeParse(parse(Buffer.from(bytes ?? []).toString('utf8')));
  if (!read.success) return err(`${name} does not hold a checkpoint`);
  return verifyCheckpoint(read.data) ? ok(read.data) : err(`the signature of the checkpoint in ${name} does not hold`);
}

/** Keeps the newer one in its place. */
export function keepHeld({ flags, terminal }: CommandContext, signed: SignedCheckpoint): void {
  const name = flags.one('held');
  if (name !== undefined) writePrivateFile(resolve(terminal.cwd, name), `${JSON.stringify(signed)}\n`);
}
