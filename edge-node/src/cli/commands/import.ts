// import: brings an export in. What comes of it is the platform's to say; this brings the bytes.

import { resolve } from 'node:path';
import { z } from 'zod';
import { type CommandContext, fail, printAnswer } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openExport } from '../export-file.ts';
import { printable } from '../output.ts';

const imported = z.object({
  id: z.string(),
  name: z.string(),
  origin: z.string(),
  size: z.number(),
  head: z.string(),
  stateHash: z.string(),
  apiKey: z.object({ id: z.string(), secret: z.string() }),
});

export async function importJournal(context: CommandContext): Promise<ExitCode> {
  const { api, flags, terminal, words } = context;
  const path = resolve(terminal.cwd, words[0] ?? '');
  const opened = await openExport(path);
  if (!opened.ok) return fail(context, 'usage', { code: 'file_unreadable', message: opened.error });
  const idempotencyKey = flags.one('idempotency-key');
  const answer = await api.post('/v1/imports', {
    query: { name: flags.one('name'), key: flags.one('key') },
    headers: { 'content-type': 'application/x-ndjson' },
    upload: () => opened.value.open(),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  const broken = opened.value.broken();
  if (broken !== null && !answer.ok) return fail(context, 'usage', { code: 'file_unreadable', message: broken });
  return printAnswer(context, { schema: imported, describe }, answer);
}

function describe({ id, name, origin, size, head, stateHash, apiKey }: z.output<typeof imported>): string {
  return [
    `Imported ${size} events of ${origin} as "${name}" (${id}).`,
    `head   ${head}`,
    `state  ${stateHash}`,
    `It is read with this key, which is shown once:`,
    `${apiKey.secret}`,
    '',
  ]
    .map(printable)
    .join('\n');
}
