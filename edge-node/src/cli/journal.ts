// Reads the journal page by page, in order.

import { z } from 'zod';
import { type CommandContext, readAnswer, refused } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** Events asked for at once: the largest of them still make an answer that is read. */
export const journalPage = 200;

const page = z.object({ data: z.array(z.looseObject({ seq: z.number() })), nextCursor: z.string().nullable() });
export type JournalEvents = z.output<typeof page>['data'];

/**
 * Gives the events from `from` on to `take`, page by page, until the end or until `take` answers false.
 * Null when that went well, else the exit code of what went wrong, which has been said.
 */
export async function readJournal(
  context: CommandContext,
  from: number,
  limit: number,
  take: (events: JournalEvents) => boolean,
): Promise<ExitCode | null> {
  // The cursor is the seq before the next one.
  let cursor: string | undefined = from > 1 ? String(from - 1) : undefined;
  for (;;) {
    const answer = await context.api.get('/v1/journal', { query: { limit, cursor } });
    if (!answer.ok) return refused(context, answer.error);
    const read = readAnswer(context, page, answer.value);
    if (read === null) return EXIT.unreachable;
    if (read.data.length > 0 && !take(read.data)) return null;
    if (read.nextCursor === null || read.nextCursor === cursor) return null;
    cursor = read.nextCursor;
  }
}
