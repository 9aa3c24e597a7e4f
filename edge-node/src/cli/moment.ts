// A moment of the past on the command line, and reads that are of one: every request asks for that moment, and whoever looks
// is told once which it is.

import { Defect } from '../../../core/assert.ts';
import { ok } from '../../../core/result.ts';
import type { Api } from './api.ts';
import { type CommandContext, misused } from './command.ts';
import type { ExitCode } from './exit-codes.ts';
import { spanMsOf, timeOf } from './output.ts';

/** Options that wait for what is to come: the past has none of it. */
const WAITING = ['wait', 'timeout', 'follow'] as const;

/** A moment as the API takes it: a seq, or a time; `-10m` is ten minutes ago. Null for anything else. */
export function momentOf(text: string, now: number): string | null {
  if (/^(0|[1-9]\d{0,15})$/.test(text)) return text;
  if (!text.startsWith('-')) return spanMsOf(text) === null ? timeOf(withSeconds(text), now) : null;
  const ago = spanMsOf(text.slice(1));
  return ago === null ? null : new Date(now - ago).toISOString();
}

/** People leave the seconds out; RFC 3339 wants them. */
function withSeconds(text: string): string {
  return text.replace(/^([\d-]{10}[Tt ]\d{2}:\d{2})(?=[Zz+-])/, '$1:00');
}

/** Says that an option holds no moment. */
export function noMoment(context: CommandContext, option: string): ExitCode {
  return misused(context, `--${option} is the seq of an event, a time in RFC 3339, or so long ago: -10m, -2h`);
}

/** The same context with the moment that `--at` asks for; an exit code, with the mistake said, when that is none. */
export function atMoment(context: CommandContext): CommandContext | ExitCode {
  const { flags, api, terminal } = context;
  const text = flags.one('at');
  if (text === undefined) return context;
  const at = momentOf(text, terminal.now());
  if (at === null) return noMoment(context, 'at');
  const waiting = WAITING.find((name) => flags.has(name));
  if (waiting !== undefined)
    return misused(context, `nothing comes in the past: --at and --${waiting} do not go together`);
  return { ...context, api: readingAt(at, api, context) };
}

function readingAt(at: string, api: Api, context: CommandContext): Api {
  let isTold = false;
  return {
    url: api.url,
    async get(path, request = {}) {
      const answered = await api.get(path, { ...request, query: { ...request.query, at } });
      if (!answered.ok) return answered;
      if (!isTold) isTold = tell(answered.value.headers, context);
      return ok(answered.value);
    },
    // Only commands that read have the option.
    post: () => Promise.reject(new Defect('nothing is changed in the past')),
    patch: () => Promise.reject(new Defect('nothing is changed in the past')),
    delete: () => Promise.reject(new Defect('nothing is changed in the past')),
    stream: () => Promise.reject(new Defect('nothing comes in the past')),
  };
}

/** Says which moment an answer is of; false when it does not say. */
function tell(headers: Headers, { terminal, json }: CommandContext): boolean {
  const seq = headers.get('starling-seq');
  const time = headers.get('starling-time');
  if (seq === null || time === null || !/^\d{1,16}$/.test(seq) || Number.isNaN(Date.parse(time))) return false;
  const damaged = headers.get('starling-damaged-snapshots')?.split(', ') ?? [];
  if (json) {
    terminal.err(`${JSON.stringify({ moment: { seq: Number(seq), time, damaged } })}\n`);
    return true;
  }
  terminal.err(`As it was after event ${seq}, ${new Date(time).toISOString()}\n`);
  if (damaged.length > 0)
    terminal.err(
      `(rebuilt without ${damaged.length} damaged snapshot${damaged.length === 1 ? '' : 's'}: tell the operator)\n`,
    );
  return true;
}
