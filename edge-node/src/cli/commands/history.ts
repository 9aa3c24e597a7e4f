// history diff, state: what has changed between two moments, and which state a moment has.

import type { z } from 'zod';
import { difference, stateAt } from '../../../../core/wire/history.ts';
import { type CommandContext, misused, printAnswer } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { momentOf, noMoment } from '../moment.ts';
import { credits, table } from '../output.ts';

type Difference = z.output<typeof difference>;
type Changed = Difference['data'][number];

/** A value longer than this is not shown in a line: its member is named. */
const valueCharsMax = 32;
const timePattern = /^\d{4}-\d\d-\d\dT/;

export async function diff(context: CommandContext): Promise<ExitCode> {
  const { api, flags, terminal } = context;
  const [from, to] = [flags.one('from'), flags.one('to')];
  if (from === undefined) return misused(context, 'say --from which moment');
  const moments = {
    from: momentOf(from, terminal.now()),
    to: to === undefined ? undefined : momentOf(to, terminal.now()),
  };
  if (moments.from === null) return noMoment(context, 'from');
  if (moments.to === null) return noMoment(context, 'to');
  const page = { limit: flags.one('limit'), cursor: flags.one('cursor') };
  const query = { from: moments.from, to: moments.to, ...page };
  return printAnswer(context, { schema: difference, describe }, await api.get('/v1/history/diff', { query }));
}

export async function state(context: CommandContext): Promise<ExitCode> {
  return printAnswer(context, { schema: stateAt, describe: describeState }, await context.api.get('/v1/history/state'));
}

function describeState({ seq, time, hash, stateHash, rows, snapshotSeq, damaged }: z.output<typeof stateAt>): string {
  const from = snapshotSeq === 0 ? 'from the first event' : `from the snapshot after event ${snapshotSeq}`;
  const lines = [
    `event   ${seq}, ${time}`,
    `head    ${hash}`,
    `state   ${stateHash}`,
    `rows    ${rows}, rebuilt ${from}`,
    ...(damaged.length === 0 ? [] : [`passed  ${damaged.join(', ')}: damaged or missing`]),
  ];
  return `${lines.join('\n')}\n`;
}

function describe({ from, to, events, cost, balances, rows, data, nextCursor }: Difference): string {
  const parts = [
    `From event ${from.seq}, ${from.time}\nto event   ${to.seq}, ${to.time}\n${counted(events.total, 'event')}, ${counted(rows, 'row')} changed, ${credits(cost.settledMicro)} credits settled\n`,
  ];
  if (balances.length > 0) {
    const moved = balances.map(({ account, postedMicro, heldMicro, availableMicro }) => [
      account,
      ...[postedMicro, heldMicro, availableMicro].map(signed),
    ]);
    parts.push(table(['BALANCE', 'POSTED', 'HELD', 'AVAILABLE'], moved));
  }
  if (events.total > 0) {
    const types = Object.entries(events.byType).map(([type, count]) => [type, String(count)]);
    parts.push(table(['EVENT', 'COUNT'], types));
  }
  if (data.length > 0)
    parts.push(
      table(
        ['ROW', 'ID', 'CHANGE'],
        data.map((one) => [one.kind, one.id, changeOf(one)]),
      ),
    );
  if (nextCursor !== null) parts.push(`more: --cursor ${nextCursor}\n`);
  return parts.join('\n');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Credits with their sign: what came is `+`. */
function signed(micro: number): string {
  return micro > 0 ? `+${credits(micro)}` : credits(micro);
}

/** `made`, or the members that differ: first those whose values say it in a few characters, then the names of the others. */
function changeOf({ change, members, before, after }: Changed): string {
  if (change === 'made') return 'made';
  const told: string[] = [];
  const named: string[] = [];
  for (const member of members) {
    const [was, is] = [short(before?.[member]), short(after?.[member])];
    if (was === null || is === null) named.push(member);
    else told.push(`${member} ${was} → ${is}`);
  }
  return [...told, ...named].join(', ') || 'changed';
}

/** A plain value in a few characters; null for anything longer, and for times, which change with everything else. */
function short(value: unknown): string | null {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'object') return null;
  const text = String(value);
  return text.length > valueCharsMax || timePattern.test(text) ? null : text;
}
