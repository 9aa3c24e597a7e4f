// fork create, list, compare, what-if, effects, delete: a swarm of its own from any moment, and what comes of it.

import { z } from 'zod';
import {
  comparison as comparisonSchema,
  fork as forkSchema,
  forkWithKey,
  whatIfResult,
} from '../../../../core/wire/forks.ts';
import { EXECUTOR_KINDS, PRIVACY_CLASSES } from '../../../../core/wire/terms.ts';
import { type CommandContext, misused, print, printAnswer, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { momentOf, noMoment } from '../moment.ts';
import { credits, microOf, printable, span, table } from '../output.ts';

type Fork = z.output<typeof forkSchema>;
type Comparison = z.output<typeof comparisonSchema>;

export async function create(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words, terminal } = context;
  const from = flags.one('from');
  const at = from === undefined ? undefined : momentOf(from, terminal.now());
  if (at === null) return noMoment(context, 'from');
  const key = flags.one('idempotency-key');
  const body = { name: words[0], ...(at === undefined ? {} : { at }) };
  const answer = await api.post('/v1/forks', { body, ...(key === undefined ? {} : { idempotencyKey: key }) });
  return printAnswer(
    context,
    { schema: forkWithKey, describe: (made) => `${describe(made)}key        ${made.apiKey.secret}\n` },
    answer,
  );
}

const forkList = z.object({ data: z.array(forkSchema), nextCursor: z.string().nullable() });

export async function list(context: CommandContext): Promise<ExitCode> {
  const answer = await context.api.get('/v1/forks');
  if (!answer.ok) return refused(context, answer.error);
  const found = readAnswer(context, forkList, answer.value);
  if (found === null) return EXIT.unreachable;
  const rows = found.data.map(({ id, state, effects, parent, createdAt, name }) => [
    ...[id, state, effects, `${parent.swarm} ${parent.seq}`],
    ...[createdAt, name],
  ]);
  print(context, found, table(['FORK', 'STATE', 'EFFECTS', 'OF, AT EVENT', 'CREATED', 'NAME'], rows));
  return EXIT.ok;
}

export async function effects(context: CommandContext): Promise<ExitCode> {
  const [fork = '', wanted = ''] = context.words;
  if (wanted !== 'on' && wanted !== 'off') return misused(context, 'effects are on or off');
  const answer = await context.api.patch(pathOf(fork), { body: { effects: wanted } });
  return printAnswer(context, { schema: forkSchema, describe }, answer);
}

export async function remove(context: CommandContext): Promise<ExitCode> {
  const answer = await context.api.delete(pathOf(context.words[0] ?? ''));
  if (!answer.ok) return refused(context, answer.error);
  print(context, {}, 'deleted\n');
  return EXIT.ok;
}

export async function compare(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words } = context;
  const query = { with: flags.one('with'), limit: flags.one('limit'), cursor: flags.one('cursor') };
  const answer = await api.get(`${pathOf(words[0] ?? '')}/compare`, { query });
  return printAnswer(context, { schema: comparisonSchema, describe: describeComparison }, answer);
}

export async function whatIf(context: CommandContext): Promise<ExitCode> {
  const { api, flags, words, terminal } = context;
  const routes = new Map<string, { route: string; priceMicro?: number; active?: boolean }>();
  for (const text of flags.many('price')) {
    const [, route = '', price = ''] = /^(.+)=([\d.]+)$/.exec(text) ?? [];
    const priceMicro = microOf(price);
    if (route === '' || priceMicro === null || priceMicro === 0)
      return misused(context, '--price is a route and its price in credits, such as text.summarize@dev_…=0.001');
    routes.set(route, { ...routes.get(route), route, priceMicro });
  }
  for (const route of flags.many('without')) routes.set(route, { ...routes.get(route), route, active: false });
  const until = flags.one('until');
  const moment = until === undefined ? undefined : momentOf(until, terminal.now());
  if (moment === null) return noMoment(context, 'until');
  const most = flags.one('max-credits');
  const maxCreditsMicro = most === undefined ? undefined : microOf(most);
  if (maxCreditsMicro === null || maxCreditsMicro === 0)
    return misused(context, '--max-credits is a number of credits, such as 0.5');
  const require = requirementsOf(context);
  if (typeof require === 'string') return misused(context, require);
  const body = {
    ...(routes.size === 0 ? {} : { routes: [...routes.values()] }),
    ...(moment === undefined ? {} : { until: moment }),
    ...(maxCreditsMicro === undefined ? {} : { maxCreditsMicro }),
    ...(Object.keys(require).length === 0 ? {} : { require }),
  };
  const answer = await api.post(`${pathOf(words[0] ?? '')}/what-if`, { body });
  return printAnswer(
    context,
    {
      schema: whatIfResult,
      describe({ whatIf: ran, comparison }) {
        const more = ran.truncated ? ', and there were more' : '';
        const counts = `${ran.tasks} run again, ${ran.missions} missions among them, ${ran.skipped} skipped${more}`;
        return `record     to event ${ran.until.seq}, ${ran.until.at}\ntasks      ${counts}\n${describeComparison(comparison)}`;
      },
    },
    answer,
  );
}

/** What tasks are to require beside what they do; or what is wrong with it. */
function requirementsOf({ flags }: CommandContext): Record<string, string> | string {
  const privacy = flags.one('require-privacy');
  const executor = flags.one('require-executor');
  if (privacy !== undefined && !PRIVACY_CLASSES.some((known) => known === privacy))
    return `--require-privacy is one of ${PRIVACY_CLASSES.join(', ')}`;
  if (executor !== undefined && !executor.startsWith('dev_') && !EXECUTOR_KINDS.some((known) => known === executor))
    return `--require-executor is one of ${EXECUTOR_KINDS.join(', ')}, or a device`;
  return { ...(privacy === undefined ? {} : { privacy }), ...(executor === undefined ? {} : { executor }) };
}

function pathOf(fork: string): string {
  return `/v1/forks/${encodeURIComponent(fork)}`;
}

function describe({ id, name, state, parent, effects: acts }: Fork): string {
  const lines = [
    `${id}  ${name}`,
    `state      ${state}`,
    `parent     ${parent.swarm}, after event ${parent.seq} of ${parent.at}`,
    `effects    ${acts}`,
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function describeComparison({ totals, tasks, missions, nextCursor, truncated }: Comparison): string {
  const { settledMicro, timeMs, succeeded } = totals;
  const figures = [
    ['succeeded', String(succeeded.here), String(succeeded.there), signed(succeeded.difference, String)],
    ['credits', credits(settledMicro.here), credits(settledMicro.there), signed(settledMicro.difference, credits)],
    ['time', span(timeMs.here), span(timeMs.there), signed(timeMs.difference, span)],
  ];
  const counts = [
    `${totals.matched} tasks in both`,
    `${totals.onlyHere} only here`,
    `${totals.onlyThere} only there`,
    `${totals.sameResults} with the same result`,
    `${totals.otherResults} with another`,
    ...(totals.estimated === 0 ? [] : [`${totals.estimated} estimated`]),
  ];
  const rows = tasks.map(({ id, here, there, sameResult }) => [
    ...[id, here?.operation || there?.operation || '-', here?.state ?? '-', there?.state ?? '-'],
    ...[here ? credits(here.settledMicro) : '-', there ? credits(there.settledMicro) : '-'],
    ...[sameResult === null ? '-' : sameResult ? 'same' : 'other', here?.refused ?? here?.basis ?? '-'],
  ]);
  const heads = ['TASK', 'OPERATION', 'HERE', 'THERE', 'CREDITS', 'THERE', 'RESULT', 'BASIS'];
  return [
    `${counts.join(', ')}\n`,
    table(['', 'HERE', 'THERE', 'DIFFERENCE'], figures),
    rows.length === 0 ? '' : `\n${table(heads, rows)}`,
    missions.length === 0
      ? ''
      : `\n${table(
          ['MISSION', 'HERE', 'THERE'],
          missions.map(({ id, here, there }) => [id, here?.state ?? '-', there?.state ?? '-']),
        )}`,
    nextCursor === null ? '' : `more: --cursor ${nextCursor}\n`,
    truncated ? 'there was more than is compared\n' : '',
  ].join('');
}

function signed(value: number, text: (value: number) => string): string {
  return value > 0 ? `+${text(value)}` : value < 0 ? `-${text(-value)}` : '0';
}
