// What the API shows of the past as a whole.

import { z } from 'zod';
import { time } from './terms.ts';

const hash = z.string().meta({ description: 'SHA-256, hex.' });
const count = z.number().int();

const momentView = z.object({ seq: count, time, hash });

export const stateAt = momentView.extend({
  stateHash: hash,
  rows: count.meta({ description: 'Rows of the whole state.' }),
  snapshotSeq: count.meta({ description: 'The snapshot that it was rebuilt from; 0 when from the first event.' }),
  damaged: z.array(z.string()).meta({ description: 'Snapshots that were damaged or missing, and passed over.' }),
});

const rowView = z.record(z.string(), z.unknown()).nullable();

export const difference = z.object({
  from: momentView,
  to: momentView,
  events: z.object({ total: count, byType: z.record(z.string(), count) }),
  cost: z.object({ settledMicro: count.meta({ description: 'Micro-credits that were settled in between.' }) }),
  balances: z
    .array(z.object({ account: z.string(), postedMicro: count, heldMicro: count, availableMicro: count }))
    .meta({ description: 'By how much each account that was touched has changed.' }),
  rows: count.meta({ description: 'Rows that changed, on all pages.' }),
  data: z.array(
    z.object({
      kind: z.string(),
      id: z.string(),
      change: z.enum(['made', 'changed']),
      members: z.array(z.string()).meta({ description: 'Members that differ, where the row is shown.' }),
      before: rowView,
      after: rowView,
    }),
  ),
  nextCursor: z.string().nullable(),
});
