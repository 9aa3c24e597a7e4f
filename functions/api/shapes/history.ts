// The past as the API shows it.

import { difference, stateAt } from '../../../core/wire/history.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

export const StateAt = shape('StateAt', stateAt, {
  seq: 42,
  time: EXAMPLE.later,
  hash: EXAMPLE.hash,
  stateHash: EXAMPLE.hash,
  rows: 17,
  snapshotSeq: 0,
  damaged: [],
});

export const Difference = shape('Difference', difference, {
  from: { seq: 40, time: EXAMPLE.time, hash: EXAMPLE.hash },
  to: { seq: 42, time: EXAMPLE.later, hash: EXAMPLE.hash },
  events: { total: 2, byType: { 'task.succeeded': 1, 'transfer.settled': 1 } },
  cost: { settledMicro: 1_200 },
  balances: [{ account: 'tenant', postedMicro: -1_200, heldMicro: -1_200, availableMicro: 0 }],
  rows: 3,
  data: [
    {
      kind: 'account',
      id: 'tenant',
      change: 'changed',
      members: ['heldMicro', 'postedMicro'],
      before: { id: 'tenant', postedMicro: 1_000_000_000, heldMicro: 1_200, availableMicro: 999_998_800 },
      after: { id: 'tenant', postedMicro: 999_998_800, heldMicro: 0, availableMicro: 999_998_800 },
    },
  ],
  nextCursor: null,
});
