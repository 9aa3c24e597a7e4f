// operations, ledger: what the swarm can do, and where its credits are.

import { z } from 'zod';
import { account, operation, transfer } from '../../../../core/wire/resources.ts';
import { type CommandContext, print, readAnswer, refused } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { credits, table } from '../output.ts';

const operationList = z.object({ data: z.array(operation) });
const accountList = z.object({ data: z.array(account), nextCursor: z.string().nullable() });
const transferList = z.object({ data: z.array(transfer), nextCursor: z.string().nullable() });

export async function operations(context: CommandContext): Promise<ExitCode> {
  const answer = await context.api.get('/v1/operations');
  if (!answer.ok) return refused(context, answer.error);
  const list = readAnswer(context, operationList, answer.value);
  if (list === null) return EXIT.unreachable;
  const rows = list.data.map(({ name, available, routes, summary }) => [
    name,
    available ? 'now' : 'no',
    String(routes.filter(({ connected }) => connected).length),
    routes[0] === undefined ? '-' : credits(routes[0].priceMicro),
    summary,
  ]);
  print(context, list, table(['OPERATION', 'AVAILABLE', 'EXECUTORS', 'CREDITS', 'WHAT IT DOES'], rows));
  return EXIT.ok;
}

export async function ledger(context: CommandContext): Promise<ExitCode> {
  const { api, flags } = context;
  const [accounts, transfers] = await Promise.all([
    api.get('/v1/ledger/accounts', { query: { limit: 100 } }),
    api.get('/v1/ledger/transfers', { query: { limit: flags.one('limit') ?? '10' } }),
  ]);
  if (!accounts.ok) return refused(context, accounts.error);
  if (!transfers.ok) return refused(context, transfers.error);
  const books = readAnswer(context, accountList, accounts.value);
  const moves = readAnswer(context, transferList, transfers.value);
  if (books === null || moves === null) return EXIT.unreachable;
  const accountRows = books.data.map(({ id, postedMicro, heldMicro, availableMicro }) => [
    id,
    ...[postedMicro, heldMicro, availableMicro].map(credits),
  ]);
  const transferRows = moves.data.map(({ id, state, debit, credit, amountMicro, settledMicro, reference }) => [
    ...[id, state, debit, credit, credits(amountMicro)],
    ...[settledMicro === null ? '-' : credits(settledMicro), reference],
  ]);
  const text = `${table(['ACCOUNT', 'POSTED', 'HELD', 'AVAILABLE'], accountRows)}\n${table(['TRANSFER', 'STATE', 'FROM', 'TO', 'CREDITS', 'SETTLED', 'FOR'], transferRows)}`;
  print(context, { accounts: books.data, transfers: moves.data }, text);
  return EXIT.ok;
}
