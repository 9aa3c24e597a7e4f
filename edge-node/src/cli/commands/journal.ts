// journal tail: the last events, or those from a place on, up to now or to a moment of the past; and, with --follow, every
// new one, across lost connections.

import { z } from 'zod';
import { backoffMsMax, backoffMsMin } from '../../link/backoff.ts';
import type { ApiError } from '../api.ts';
import { type CommandContext, misused, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { journalPage, readJournal } from '../journal.ts';
import { printable } from '../output.ts';
import { createEventParser } from '../sse.ts';

const lastDefault = 20;
/** The server says something at least every quarter of a minute: silence for longer is a dead line. */
const silenceMsMax = 60_000;

const shown = z.looseObject({
  seq: z.number(),
  time: z.string(),
  type: z.string(),
  subject: z.string(),
  actor: z.string(),
});

export async function tail(context: CommandContext): Promise<ExitCode> {
  const { flags } = context;
  const text = flags.one('from');
  if (text !== undefined && !/^[1-9]\d{0,14}$/.test(text)) return misused(context, '--from is a seq, from 1 on');
  let from = Number(text ?? 0);
  if (text === undefined) {
    const size = await (flags.has('at') ? sizeThen(context) : sizeNow(context));
    if (typeof size !== 'number') return size.exit;
    from = Math.max(1, size - lastDefault + 1);
  }
  const read = await readJournal(context, from, journalPage, (events) => {
    for (const event of events) show(context, event);
    from += events.length;
    return true;
  });
  if (read !== null) return read;
  return flags.has('follow') ? follow(context, from) : EXIT.ok;
}

/** How many events there are; an exit code when that cannot be told, which has been said. */
async function sizeNow(context: CommandContext): Promise<number | { readonly exit: ExitCode }> {
  const answer = await context.api.get('/v1/journal/checkpoint');
  if (!answer.ok) return { exit: refused(context, answer.error) };
  const checkpoint = readAnswer(context, z.object({ size: z.number() }), answer.value);
  return checkpoint?.size ?? { exit: EXIT.unreachable };
}

/** How many there were at the moment that is asked for: a page of a past journal says where it ends. */
async function sizeThen(context: CommandContext): Promise<number | { readonly exit: ExitCode }> {
  const answer = await context.api.get('/v1/journal', { query: { limit: 1 } });
  if (!answer.ok) return { exit: refused(context, answer.error) };
  return Number(answer.value.headers.get('starling-seq') ?? 0);
}

/** Shows every event from `from` on until somebody stops it. A lost connection goes on after the last one shown. */
async function follow(context: CommandContext, from: number): Promise<ExitCode> {
  const { api, terminal } = context;
  let next = from;
  let pauseMs: number = backoffMsMin;
  while (!terminal.interrupted.aborted) {
    const opened = await api.stream('/v1/journal/stream', { 'last-event-id': String(next - 1) });
    if (opened.ok) {
      const before = next;
      next = await readStream(context, opened.value, next);
      if (next > before) pauseMs = backoffMsMin;
    } else if (!isPassing(opened.error)) return refused(context, opened.error);
    if (terminal.interrupted.aborted) break;
    if (terminal.isWatched) terminal.err('starling: the stream broke off; coming back\n');
    await terminal.pause(pauseMs / 2 + (pauseMs / 2) * terminal.random(), terminal.interrupted);
    pauseMs = Math.min(pauseMs * 2, backoffMsMax);
  }
  return EXIT.interrupted;
}

function isPassing(error: ApiError): boolean {
  return error.kind === 'unreachable' || ('status' in error && (error.status === 429 || error.status >= 500));
}

/** Reads until the stream ends or falls silent, and answers with the seq that comes next. */
async function readStream(context: CommandContext, response: Response, from: number): Promise<number> {
  const { terminal } = context;
  const parse = createEventParser();
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let next = from;
  try {
    while (reader !== undefined) {
      const quiet = AbortSignal.any([terminal.interrupted, AbortSignal.timeout(silenceMsMax)]);
      const stopped = new Promise<null>((resolve) =>
        quiet.addEventListener('abort', () => resolve(null), { once: true }),
      );
      const chunk = await Promise.race([reader.read(), stopped]);
      if (chunk === null || chunk.done) break;
      for (const { data } of parse(decoder.decode(chunk.value, { stream: true }))) {
        const event = shown.parse(JSON.parse(data));
        if (event.seq < next) continue; // shown before the line broke
        show(context, event);
        next = event.seq + 1;
      }
    }
  } catch (error) {
    // The line broke, or what came was no event: either way the next connection begins after the last one shown.
    if (terminal.isWatched)
      terminal.err(`starling: ${printable(error instanceof Error ? error.message : 'the stream broke')}\n`);
  }
  await reader?.cancel().catch(() => undefined); // it is over for us, whatever it says
  return next;
}

function show({ terminal, json }: CommandContext, event: z.output<typeof shown> | { readonly seq: number }): void {
  if (json) {
    terminal.out(`${JSON.stringify(event)}\n`);
    return;
  }
  const { seq, time, type, subject, actor } = shown.parse(event);
  terminal.out(`${printable([String(seq).padStart(6), time, type.padEnd(28), subject, actor].join('  '))}\n`);
}
