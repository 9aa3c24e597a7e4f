// verify: proves the journal from its first event to the head that the swarm has signed. The proof is core's; this brings
// the events.

import type { CloudEvent } from '../../../../core/journal/cloud-event.ts';
import { type Verdict, verifyJournal } from '../../../../core/journal/verify.ts';
import { checkpoint as checkpointSchema, cloudEvent } from '../../../../core/wire/resources.ts';
import { type CommandContext, fail, print, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { journalPage, readJournal } from '../journal.ts';
import { createProgress } from '../output.ts';

export async function verify(context: CommandContext): Promise<ExitCode> {
  const { api, flags, terminal } = context;
  const answer = await api.get('/v1/journal/checkpoint');
  if (!answer.ok) return refused(context, answer.error);
  const checkpoint = readAnswer(context, checkpointSchema, answer.value);
  if (checkpoint === null) return EXIT.unreachable;
  const verifier = verifyJournal(checkpoint, flags.one('key'));
  const progress = createProgress(terminal);
  let bad: Verdict | null = null;
  const read = await readJournal(context, 1, journalPage, (events) => {
    bad = events.every((event) => cloudEvent.safeParse(event).success)
      ? verifier.take(events as unknown as CloudEvent[]) // each has just passed the schema of a CloudEvent
      : { ok: false, seq: events[0]?.seq ?? null, reason: 'an event near here is not of the form that was promised' };
    const last = events.at(-1)?.seq ?? 0;
    progress.show(`${last} of ${checkpoint.size} events`);
    // What came after the checkpoint is not signed by it.
    return bad === null && last < checkpoint.size;
  });
  progress.clear();
  if (read !== null) return read;
  const verdict = bad ?? verifier.finish();
  return conclude(context, verdict);
}

function conclude(context: CommandContext, verdict: Verdict): ExitCode {
  if (verdict.ok) {
    const { origin, size, head, publicKey } = verdict;
    print(
      context,
      verdict,
      `Proved: ${size} events of ${origin}, from the first to the signed head.\nhead  ${head}\nkey   ${publicKey}\n`,
    );
    return EXIT.ok;
  }
  if (context.json) context.terminal.out(`${JSON.stringify(verdict)}\n`);
  const where = verdict.seq === null ? '' : ` at event ${verdict.seq}`;
  return fail(context, 'unproved', {
    code: 'unproved',
    message: `not proved${where}: ${verdict.reason}`,
    seq: verdict.seq,
  });
}
