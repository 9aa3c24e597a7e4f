// JSON for a request: written on the command line, in a file (`@path`), or on standard input (`-`).

import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Json } from '../../../core/json.ts';
import { findUnfit, pointerOf } from '../../../core/json-text.ts';
import { bodyBytesMax } from '../../../core/limits.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Terminal } from './terminal.ts';

/** Reads and parses it. The error is a sentence that does not repeat what was read. */
export async function readInput(
  text: string,
  terminal: Pick<Terminal, 'readAll' | 'cwd'>,
): Promise<Result<Json, string>> {
  const source = text === '-' ? 'standard input' : text.startsWith('@') ? text.slice(1) : 'the input';
  const read = await readText(text, terminal);
  if (!read.ok) return read;
  let value: Json;
  try {
    value = JSON.parse(read.value) as Json; // what JSON.parse gives is Json
  } catch {
    return err(`${source} is not JSON`);
  }
  // Sent on, it would not say any more what was written here, and the platform could not see it.
  const unfit = findUnfit(value, read.value);
  return unfit === null ? ok(value) : err(`${source} is not taken: ${pointerOf(unfit.path)}: ${unfit.message}`);
}

async function readText(text: string, terminal: Pick<Terminal, 'readAll' | 'cwd'>): Promise<Result<string, string>> {
  if (text === '-') {
    const all = await terminal.readAll(bodyBytesMax);
    return all === null ? err(`standard input is larger than ${bodyBytesMax} bytes`) : ok(all);
  }
  if (!text.startsWith('@')) return ok(text);
  const path = resolve(terminal.cwd, text.slice(1));
  try {
    const { size } = await stat(path);
    if (size > bodyBytesMax) return err(`${path} is larger than ${bodyBytesMax} bytes`);
    return ok(await readFile(path, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return err(`${path} cannot be read (${code})`);
  }
}
