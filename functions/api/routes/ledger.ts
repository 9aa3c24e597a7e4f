// The ledger and the operations it pays for.

import { TRANSFER_STATES } from '../../../core/ledger/state.ts';
import { perform, show } from '../call.ts';
import { idParam, type Route, route } from '../route.ts';
import { Account, NewTransfer, Operation, Settlement, Transfer } from '../shapes/ledger.ts';
import { page, pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

const id = idParam('trf', 'transfer_not_found');
const hold = idParam('trf', 'hold_not_found');
/** A hold that nobody settles is given back after a day. */
const holdSecondsDefault = 24 * 3_600;

export const ledgerRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/operations',
    operationId: 'listOperations',
    tag: 'Operations',
    summary: 'List what the swarm can do now, and who would do it at what price',
    scope: 'tasks:read',
    past: true,
    answers: { 200: { description: 'Every operation, by name.', body: listOf(Operation) } },
    serve: (_, call) => show({ type: 'operations' }, call),
  }),

  route({
    method: 'get',
    path: '/v1/ledger/accounts',
    operationId: 'listAccounts',
    tag: 'Ledger',
    summary: 'List accounts',
    scope: 'ledger:read',
    past: true,
    query: page,
    answers: { 200: { description: 'A page of accounts.', body: listOf(Account) } },
    serve: ({ query }, call) => show({ type: 'accounts', ...pageOf(query) }, call),
  }),

  route({
    method: 'get',
    path: '/v1/ledger/transfers',
    operationId: 'listTransfers',
    tag: 'Ledger',
    summary: 'List transfers, newest first',
    scope: 'ledger:read',
    past: true,
    query: pageByState(TRANSFER_STATES),
    answers: { 200: { description: 'A page of transfers.', body: listOf(Transfer) } },
    serve: ({ query }, call) => show({ type: 'transfers', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'post',
    path: '/v1/ledger/transfers',
    operationId: 'createTransfer',
    tag: 'Ledger',
    summary: 'Move or hold credits',
    description:
      'With `pending`, the credits are held until they are settled, voided, or `timeoutSeconds` (a day) are over.',
    scope: 'ledger:write',
    body: NewTransfer,
    answers: { 201: { description: 'The transfer.', body: Transfer } },
    refuses: ['account_reserved', 'transfer_to_itself', 'amount_invalid', 'credits_insufficient'],
    serve: ({ body }, call) => {
      const { debit, credit, amountMicro, reference = 'api', pending, timeoutSeconds = holdSecondsDefault } = body;
      const movement = { debit, credit, amountMicro, reference };
      const command =
        pending === true
          ? ({ type: 'HoldTransfer', ...movement, timeoutMs: timeoutSeconds * 1_000 } as const)
          : ({ type: 'PostTransfer', ...movement } as const);
      return perform(command, { status: 201, at: '/v1/ledger/transfers/' }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/ledger/transfers/{id}',
    operationId: 'getTransfer',
    tag: 'Ledger',
    summary: 'Look at a transfer',
    scope: 'ledger:read',
    past: true,
    params: { id },
    answers: { 200: { description: 'The transfer.', body: Transfer } },
    refuses: ['transfer_not_found'],
    serve: ({ params }, call) => show({ type: 'transfer', id: params.id }, call),
  }),

  route({
    method: 'post',
    path: '/v1/ledger/transfers/{id}/settle',
    operationId: 'settleTransfer',
    tag: 'Ledger',
    summary: 'Settle a hold, at most at what was held',
    scope: 'ledger:write',
    params: { id: hold },
    body: Settlement,
    answers: { 200: { description: 'The transfer, settled; the rest is released.', body: Transfer } },
    refuses: ['hold_not_found', 'hold_already_resolved', 'hold_exceeded', 'transfer_reserved'],
    serve: ({ params, body }, call) =>
      perform({ type: 'SettleTransfer', hold: params.id, amountMicro: body.amountMicro }, { status: 200 }, call),
  }),

  route({
    method: 'post',
    path: '/v1/ledger/transfers/{id}/void',
    operationId: 'voidTransfer',
    tag: 'Ledger',
    summary: 'Give a hold back',
    scope: 'ledger:write',
    params: { id: hold },
    answers: { 200: { description: 'The transfer, voided.', body: Transfer } },
    refuses: ['hold_not_found', 'hold_already_resolved', 'transfer_reserved'],
    serve: ({ params }, call) => perform({ type: 'VoidTransfer', hold: params.id }, { status: 200 }, call),
  }),
];
