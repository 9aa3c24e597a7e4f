// Proves the journal of a server: whole, or from a checkpoint that is held, or, when it must be quick, by the audit nodes
// between the two alone.

import { type SignedCheckpoint, verifyCheckpoint } from '../../../core/journal/checkpoint.ts';
import type { CloudEvent } from '../../../core/journal/cloud-event.ts';
import { judgeContinuation, NOT_GOING_ON } from '../../../core/journal/continuation.ts';
import { type JournalVerifier, type Verdict, verifyJournal } from '../../../core/journal/verify.ts';
import { checkpoint as checkpointSchema, cloudEvent, consistencyProof } from '../../../core/wire/resources.ts';
import type { ApiError } from './api.ts';
import { type CommandContext, print, readAnswer, refused } from './command.ts';
import { signedOut } from './commands/account.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { keepHeld } from './held-checkpoint.ts';
import { journalPage, readJournal } from './journal.ts';
import { createProgress, printable } from './output.ts';
import { unproved } from './unproved.ts';

/** @param held what `--held` holds already; null proves the whole journal */
export async function verifyServer(context: CommandContext, held: SignedCheckpoint | null): Promise<ExitCode> {
  return held === null ? verifyWhole(context) : verifyOnwards(context, held);
}

async function verifyWhole(context: CommandContext): Promise<ExitCode> {
  const answer = await context.api.get('/v1/journal/checkpoint');
  if (!answer.ok) return refusedHere(context, answer.error);
  const checkpoint = readAnswer(context, checkpointSchema, answer.value);
  if (checkpoint === null) return EXIT.unreachable;
  const verifier = verifyJournal(checkpoint, context.flags.one('key'));
  return readAndConclude(context, checkpoint, verifier, 1, `${checkpoint.size} events`);
}

async function verifyOnwards(context: CommandContext, held: SignedCheckpoint): Promise<ExitCode> {
  const { api, flags } = context;
  const answer = await api.get('/v1/journal/consistency', { query: { from: held.size } });
  if (!answer.ok && answer.error.kind === 'problem' && answer.error.code === 'size_ahead')
    return unproved(context, { ok: false, seq: null, reason: NOT_GOING_ON.shorter });
  if (!answer.ok) return refusedHere(context, answer.error);
  const proof = readAnswer(context, consistencyProof, answer.value);
  if (proof === null) return EXIT.unreachable;
  const { checkpoint, path } = proof;
  const key = flags.one('key');
  const why = judgeContinuation(held, checkpoint, path);
  if (why !== null) return unproved(context, { ok: false, seq: null, reason: NOT_GOING_ON[why] });
  const { origin, size, head, publicKey } = held;
  const verifier = verifyJournal(checkpoint, key, { size, head, origin });
  const since = `${checkpoint.size - size} events after the ${size} that are held`;
  if (!flags.has('quick')) return readAndConclude(context, checkpoint, verifier, size + 1, since);
  const isKey = key === undefined || key === publicKey;
  const verdict: Verdict =
    isKey && verifyCheckpoint(held)
      ? { ok: true, origin, size: checkpoint.size, head: checkpoint.head, publicKey }
      : { ok: false, seq: null, reason: NOT_GOING_ON.other_key };
  return conclude(context, checkpoint, verdict, `${checkpoint.size} events go on from the ${size} that are held`);
}

async function readAndConclude(
  context: CommandContext,
  checkpoint: SignedCheckpoint,
  verifier: JournalVerifier,
  from: number,
  what: string,
): Promise<ExitCode> {
  const progress = createProgress(context.terminal);
  let bad: Verdict | null = null;
  const take = (events: readonly { readonly seq: number }[]): boolean => {
    bad = events.every((event) => cloudEvent.safeParse(event).success)
      ? verifier.take(events as unknown as CloudEvent[]) // each has just passed the schema of a CloudEvent
      : { ok: false, seq: events[0]?.seq ?? null, reason: 'an event near here is not of the form that was promised' };
    const last = events.at(-1)?.seq ?? 0;
    progress.show(`${last} of ${checkpoint.size} events`);
    // What came after the checkpoint is not signed by it.
    return bad === null && last < checkpoint.size;
  };
  const read = from > checkpoint.size ? null : await readJournal(context, from, journalPage, take);
  progress.clear();
  if (read !== null) return read;
  return conclude(context, checkpoint, bad ?? verifier.finish(), what);
}

function conclude(context: CommandContext, checkpoint: SignedCheckpoint, verdict: Verdict, what: string): ExitCode {
  if (!verdict.ok) return unproved(context, verdict);
  keepHeld(context, checkpoint);
  const { origin, head, publicKey } = verdict;
  print(
    context,
    verdict,
    `Proved: ${what} of ${printable(origin)}, up to the signed head.\nhead  ${printable(head)}\nkey   ${publicKey}\n`,
  );
  return EXIT.ok;
}

/** The command itself needs no key: a file is proved without one. */
function refusedHere(context: CommandContext, error: ApiError): ExitCode {
  const hasKey = context.config.key !== null || context.terminal.env.STARLING_API_KEY !== undefined;
  const isSignedOut = error.kind === 'problem' && error.status === 401 && !hasKey;
  return isSignedOut ? signedOut(context) : refused(context, error);
}
