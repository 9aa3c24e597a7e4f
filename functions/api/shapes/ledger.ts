// The ledger and the operations as the API shows them.

import { account, createTransfer, operation, settleTransfer, transfer } from '../../../core/wire/resources.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

export const Account = shape('Account', account, {
  id: 'tenant',
  postedMicro: 999_998_800,
  heldMicro: 0,
  availableMicro: 999_998_800,
});

export const NewTransfer = shape(
  'NewTransfer',
  createTransfer.refine(({ pending, timeoutSeconds }) => pending === true || timeoutSeconds === undefined, {
    path: ['timeoutSeconds'],
    message: 'only a pending transfer has a timeout',
  }),
  { debit: 'tenant', credit: 'team/blue', amountMicro: 5_000_000, reference: 'budget of November' },
);

export const Transfer = shape('Transfer', transfer, {
  id: EXAMPLE.transfer,
  state: 'settled',
  debit: 'tenant',
  credit: `executor/${EXAMPLE.device}`,
  amountMicro: 1_200,
  settledMicro: 1_200,
  reference: `task/${EXAMPLE.task}`,
  expiresAt: '2026-11-20T16:15:00.000Z',
  createdAt: EXAMPLE.time,
  resolvedAt: EXAMPLE.later,
});

export const Settlement = shape('Settlement', settleTransfer, { amountMicro: 1_200 });

export const Operation = shape('Operation', operation, {
  name: 'text.keywords',
  summary: 'The most telling phrases of a text.',
  input: { type: 'object' },
  output: { type: 'object' },
  available: true,
  routes: [
    {
      route: `text.keywords@${EXAMPLE.device}`,
      executor: EXAMPLE.device,
      version: '1.0.0',
      priceMicro: 1_200,
      privacy: 'confidential',
      connected: true,
      score: 0.82,
      measured: { successes: 12, failures: 0, latencyMs: 38, success: 0.93 },
    },
  ],
});
