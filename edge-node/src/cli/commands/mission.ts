// mission run, get: a plan goes in, its tasks are watched until all of them are over.

import type { Result } from '../../../../core/result.ts';
import { type MissionView, mission as missionSchema } from '../../../../core/wire/missions.ts';
import type { ApiAnswer, ApiError } from '../api.ts';
import { type CommandContext, fail, misused, print, printAnswer, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readInput } from '../input.ts';
import { createProgress, credits, printable, span, table, timeOf } from '../output.ts';
import { secondsOf } from './task.ts';

const SHOWN = { schema: missionSchema, describe };

/** Pauses between two looks: short at first, for plans that are quickly done. */
const lookMsMin = 100;
const lookMsMax = 2_000;

export async function run(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words, terminal } = context;
  const source = words[0] ?? '';
  const read = await readInput(source === '-' ? '-' : `@${source}`, terminal);
  if (!read.ok) return misused(context, read.error);
  const request = requestOf(read.value);
  if (request === null)
    return misused(context, `${source} holds neither a plan ({ "tasks": [...] }) nor a mission ({ "plan": ... })`);
  const deadline = flags.one('deadline');
  const time = deadline === undefined ? undefined : timeOf(deadline, terminal.now());
  if (time === null) return misused(context, '--deadline is a time from now, such as 10m, or one in RFC 3339');
  const timeout = secondsOf(flags.one('timeout'));
  if (timeout === null) return misused(context, '--timeout is a number of seconds');
  const name = flags.one('name');
  const key = flags.one('idempotency-key');
  const body = {
    ...request,
    ...(name === undefined ? {} : { name }),
    ...(time === undefined ? {} : { deadline: time }),
  };
  const answer = await api.post('/v1/missions', { body, ...(key === undefined ? {} : { idempotencyKey: key }) });
  return flags.has('no-wait') ? printAnswer(context, SHOWN, answer) : follow(context, answer, timeout);
}

export async function get(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words } = context;
  const timeout = secondsOf(flags.one('timeout'));
  if (timeout === null) return misused(context, '--timeout is a number of seconds');
  const answer = await api.get(`/v1/missions/${encodeURIComponent(words[0] ?? '')}`);
  return flags.has('wait') || flags.has('timeout')
    ? follow(context, answer, timeout)
    : printAnswer(context, SHOWN, answer);
}

/** A file may hold a whole request, or the plan alone. */
function requestOf(value: unknown): object | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  if ('plan' in value || 'goal' in value || 'playbook' in value) return value;
  return 'tasks' in value ? { plan: value } : null;
}

async function follow(
  context: CommandContext,
  first: Result<ApiAnswer, ApiError>,
  timeout: number | undefined,
): Promise<ExitCode> {
  const { api, terminal } = context;
  const until = timeout === undefined ? Number.POSITIVE_INFINITY : terminal.now() + timeout * 1_000;
  const progress = createProgress(terminal);
  let pauseMs = lookMsMin;
  for (let answer = first; ; ) {
    if (!answer.ok) {
      progress.clear();
      return refused(context, answer.error);
    }
    const view = readAnswer(context, missionSchema, answer.value);
    if (view === null) return EXIT.unreachable;
    if (view.state !== 'running') {
      progress.clear();
      return conclude(context, view);
    }
    if (terminal.now() >= until) {
      progress.clear();
      print(context, view, describe(view));
      return fail(context, 'unfinished', {
        code: 'unfinished',
        message: `${view.id} goes on: look with \`starling mission get ${view.id} --wait\``,
      });
    }
    progress.show(progressOf(view));
    await terminal.pause(pauseMs, terminal.interrupted);
    if (terminal.interrupted.aborted) return EXIT.interrupted;
    pauseMs = Math.min(pauseMs * 1.5, lookMsMax);
    answer = await api.get(`/v1/missions/${view.id}`);
  }
}

function conclude(context: CommandContext, view: MissionView): ExitCode {
  print(context, view, describe(view));
  if (view.state === 'succeeded') return EXIT.ok;
  const at = view.failedKey === null ? '' : ` at ${view.failedKey}`;
  return fail(context, 'failed', { code: `mission_${view.state}`, message: `${view.id} ${view.state}${at}` });
}

function describe(view: MissionView): string {
  const { id, state, name, cost, tasks } = view;
  const tookMs = Date.parse(view.updatedAt) - Date.parse(view.createdAt);
  const rows = tasks.map((one) => [
    one.key,
    one.state,
    one.operation,
    one.executor ?? '-',
    credits(one.settledMicro),
    one.taskId,
  ]);
  const head = `${printable(name)}\n${id}  ${state}  ${span(tookMs)}  ${credits(cost.settledMicro)} credits\n`;
  return head + table(['KEY', 'STATE', 'OPERATION', 'EXECUTOR', 'CREDITS', 'TASK'], rows);
}

function progressOf({ id, tasks }: MissionView): string {
  const count = (...states: string[]) => tasks.filter(({ state }) => states.includes(state)).length;
  return `${id} ${count('succeeded')} of ${tasks.length} done · ${count('leased')} running · ${count('queued', 'waiting')} waiting`;
}
