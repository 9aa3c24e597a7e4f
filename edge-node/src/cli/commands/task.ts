// task run, get, list, cancel.

import { z } from 'zod';
import { waitSecondsMax } from '../../../../core/limits.ts';
import type { Result } from '../../../../core/result.ts';
import { type TaskView, task as taskSchema } from '../../../../core/wire/tasks.ts';
import { EXECUTOR_KINDS, PRIVACY_CLASSES } from '../../../../core/wire/terms.ts';
import { OPEN_TASK_STATES, type TaskState } from '../../../../core/work/state.ts';
import type { ApiAnswer, ApiError } from '../api.ts';
import { type CommandContext, fail, misused, print, printAnswer, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readInput } from '../input.ts';
import { createProgress, credits, microOf, printable, printableJson, span, table, timeOf } from '../output.ts';

const SHOWN = { schema: taskSchema, describe };

/** With somebody watching, the task is looked at so often. */
const watchedWaitSeconds = 1;

export async function run(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words } = context;
  const input = await readInput(flags.one('input') ?? '{}', context.terminal);
  if (!input.ok) return misused(context, input.error);
  const limits = limitsOf(context);
  if (!limits.ok) return misused(context, limits.error);
  const timeout = secondsOf(flags.one('timeout'));
  if (timeout === null) return misused(context, '--timeout is a number of seconds');
  const isWaiting = flags.has('wait') || flags.has('timeout');
  const body = { operation: words[0], input: input.value, ...limits.value };
  const key = flags.one('idempotency-key');
  const answer = await api.post('/v1/tasks', {
    body,
    ...(key === undefined ? {} : { idempotencyKey: key }),
    ...(isWaiting ? { waitSeconds: waitOnce(context, timeout) } : {}),
  });
  return isWaiting ? follow(context, answer, timeout) : printAnswer(context, SHOWN, answer);
}

export async function get(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words } = context;
  const timeout = secondsOf(flags.one('timeout'));
  if (timeout === null) return misused(context, '--timeout is a number of seconds');
  const path = `/v1/tasks/${encodeURIComponent(words[0] ?? '')}`;
  if (!flags.has('wait') && !flags.has('timeout')) return printAnswer(context, SHOWN, await api.get(path));
  return follow(context, await api.get(path, { waitSeconds: waitOnce(context, timeout) }), timeout);
}

export async function cancel(context: CommandContext): Promise<ExitCode> {
  return printAnswer(
    context,
    SHOWN,
    await context.api.post(`/v1/tasks/${encodeURIComponent(context.words[0] ?? '')}/cancel`),
  );
}

const taskList = z.object({ data: z.array(taskSchema), nextCursor: z.string().nullable() });

export async function list(context: CommandContext): Promise<ExitCode> {
  const { api, flags } = context;
  const answer = await api.get('/v1/tasks', {
    query: { limit: flags.one('limit'), cursor: flags.one('cursor'), state: flags.one('state') },
  });
  if (!answer.ok) return refused(context, answer.error);
  const page = readAnswer(context, taskList, answer.value);
  if (page === null) return EXIT.unreachable;
  const rows = page.data.map(({ id, state, operation, cost, createdAt }) => [
    id,
    state,
    operation,
    credits(cost.settledMicro),
    createdAt,
  ]);
  const more = page.nextCursor === null ? '' : `more: --cursor ${page.nextCursor}\n`;
  print(context, page, table(['TASK', 'STATE', 'OPERATION', 'CREDITS', 'CREATED'], rows) + more);
  return EXIT.ok;
}

/** Waits until the task is over, or the time is, and ends as the task did. */
async function follow(
  context: CommandContext,
  first: Result<ApiAnswer, ApiError>,
  timeout: number | undefined,
): Promise<ExitCode> {
  const { api, terminal } = context;
  const until = timeout === undefined ? Number.POSITIVE_INFINITY : terminal.now() + timeout * 1_000;
  const progress = createProgress(terminal);
  for (let answer = first; ; ) {
    progress.clear();
    if (!answer.ok) return refused(context, answer.error);
    const view = readAnswer(context, taskSchema, answer.value);
    if (view === null) return EXIT.unreachable;
    if (!isOpen(view.state)) return conclude(context, view);
    if (terminal.interrupted.aborted) return EXIT.interrupted;
    if (terminal.now() >= until) {
      print(context, view, describe(view));
      return fail(context, 'unfinished', {
        code: 'unfinished',
        message: `${view.id} goes on: look with \`starling task get ${view.id} --wait\``,
      });
    }
    progress.show(progressOf(view));
    answer = await api.get(`/v1/tasks/${view.id}`, {
      waitSeconds: waitOnce(context, (until - terminal.now()) / 1_000),
    });
  }
}

function waitOnce({ terminal }: CommandContext, leftSeconds: number | undefined): number {
  const most = terminal.isWatched ? watchedWaitSeconds : waitSecondsMax;
  return Math.max(1, Math.ceil(Math.min(leftSeconds ?? most, most)));
}

/** A finished task: its result on standard output, everything else beside it. */
function conclude(context: CommandContext, view: TaskView): ExitCode {
  if (view.state !== 'succeeded') {
    print(context, view, '');
    const { code = view.state, message = '' } = view.error ?? {};
    return fail(context, 'failed', {
      code,
      message: `${view.id} ${view.state}${view.error === null ? '' : `: ${code}: ${message}`}`,
    });
  }
  print(context, view, `${printableJson(view.result)}\n`);
  if (context.json) return EXIT.ok;
  const tookMs = Date.parse(view.updatedAt) - Date.parse(view.createdAt);
  const by = view.attempts.at(-1)?.executor ?? 'nobody';
  const price = credits(view.cost.settledMicro);
  context.terminal.err(`${printable(`${view.id} succeeded in ${span(tookMs)} by ${by} for ${price} credits`)}\n`);
  return EXIT.ok;
}

function describe(view: TaskView): string {
  const { id, state, operation, cost, attempts, error, result } = view;
  const lines = [
    [id, state].join('  '),
    `operation  ${operation}`,
    `credits    ${credits(cost.settledMicro)} settled, ${credits(cost.heldMicro)} held`,
    ...attempts.map(
      (one) => `attempt ${one.n}  ${one.state}  ${one.executor}${one.error === null ? '' : `  ${one.error.code}`}`,
    ),
    ...(error === null ? [] : [`error      ${error.code}: ${error.message}`]),
  ].map(printable);
  return `${lines.join('\n')}\n${state === 'succeeded' ? `${printableJson(result)}\n` : ''}`;
}

function progressOf({ id, state, attempts }: TaskView): string {
  const last = attempts.at(-1);
  if (last === undefined) return `${id} ${state}`;
  return `${id} ${state} · attempt ${last.n} by ${last.executor} ${last.state} ${Math.floor(last.fraction * 100)} %`;
}

function isOpen(state: TaskState): boolean {
  return OPEN_TASK_STATES.includes(state);
}

/** Undefined when it is not said, null when it is no number. */
export function secondsOf(text: string | undefined): number | undefined | null {
  if (text === undefined) return undefined;
  return /^\d{1,7}$/.test(text) ? Number(text) : null;
}

/** What a task may cost, when it must be done, and by whom. */
function limitsOf({ flags, terminal }: CommandContext): Result<object, string> {
  const found: { maxCreditsMicro?: number; deadline?: string; require?: Record<string, string> } = {};
  const most = flags.one('max-credits');
  if (most !== undefined) {
    const micro = microOf(most);
    if (micro === null || micro === 0) return { ok: false, error: '--max-credits is a number of credits, such as 0.5' };
    found.maxCreditsMicro = micro;
  }
  const deadline = flags.one('deadline');
  if (deadline !== undefined) {
    const time = timeOf(deadline, terminal.now());
    if (time === null) return { ok: false, error: '--deadline is a time from now, such as 10m, or one in RFC 3339' };
    found.deadline = time;
  }
  const [privacy, executor, capability] = ['privacy', 'executor', 'capability'].map((name) =>
    flags.one(`require-${name}`),
  );
  if (privacy !== undefined && !PRIVACY_CLASSES.some((known) => known === privacy))
    return { ok: false, error: `--require-privacy is one of ${PRIVACY_CLASSES.join(', ')}` };
  if (executor !== undefined && !executor.startsWith('dev_') && !EXECUTOR_KINDS.some((known) => known === executor))
    return { ok: false, error: `--require-executor is one of ${EXECUTOR_KINDS.join(', ')}, or a device` };
  const require = Object.fromEntries(
    Object.entries({ privacy, executor, capability }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  if (Object.keys(require).length > 0) found.require = require;
  return { ok: true, value: found };
}
