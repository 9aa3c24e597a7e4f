// Forks, comparisons and what-ifs as the API shows them.

import { z } from 'zod';
import { amountMicroMax, whatIfRoutesMax, whatIfTasksMax } from '../../../core/limits.ts';
import { comparison, fork, forkWithKey, whatIfResult } from '../../../core/wire/forks.ts';
import { requirements } from '../../../core/wire/tasks.ts';
import { amountMicro, idOf } from '../../../core/wire/terms.ts';
import { displayName } from '../../directory/sign-up.ts';
import { EXAMPLE, moment } from './parts.ts';
import { shape } from './shape.ts';

const exampleFork = 'swm_01kf2mab8c7p9r1t3v5x7z9b1d';

/** A moment in a body: the seq may be a number. */
const at = z
  .union([z.number().int().min(0).max(Number.MAX_SAFE_INTEGER), z.string().max(40)])
  .transform(String)
  .pipe(moment)
  .meta({ description: 'The moment after the event of this seq, or after the last event at or before this time.' });

export const NewFork = shape(
  'NewFork',
  z.strictObject({
    name: displayName,
    at: at.optional().meta({ description: 'A seq or an RFC 3339 time; now when it is left out.' }),
    of: idOf('swm').optional().meta({ description: 'One of your forks, or an import, in place of your own swarm.' }),
  }),
  { name: 'cheaper summaries', at: 42 },
);

const forkExample = {
  id: exampleFork,
  name: 'cheaper summaries',
  origin: `${EXAMPLE.tenant}/${exampleFork}`,
  state: 'ready',
  parent: {
    swarm: EXAMPLE.swarm,
    origin: `${EXAMPLE.tenant}/${EXAMPLE.swarm}`,
    seq: 42,
    at: EXAMPLE.time,
    head: EXAMPLE.hash,
    stateHash: EXAMPLE.hash,
  },
  effects: 'off',
  createdAt: EXAMPLE.later,
};

export const Fork = shape('Fork', fork, forkExample);

export const ForkWithKey = shape('ForkWithKey', forkWithKey, {
  ...forkExample,
  apiKey: { id: EXAMPLE.key, secret: 'sk_eyJ0Ijoi….cXV4' },
});

export const EffectsChange = shape('EffectsChange', z.strictObject({ effects: z.enum(['off', 'on']) }), {
  effects: 'on',
});

export const NewWhatIf = shape(
  'NewWhatIf',
  z.strictObject({
    until: at.optional().meta({ description: 'How far the record is looked at; as far as it goes when left out.' }),
    routes: z
      .array(
        z.strictObject({
          route: z.string().min(1).max(200),
          priceMicro: amountMicro.optional(),
          active: z.boolean().optional(),
        }),
      )
      .max(whatIfRoutesMax)
      .refine((routes) => new Set(routes.map(({ route }) => route)).size === routes.length, 'expected each route once')
      .optional(),
    require: requirements.optional(),
    maxCreditsMicro: z.number().int().min(1).max(amountMicroMax).optional(),
    limit: z.number().int().min(1).max(whatIfTasksMax).optional(),
  }),
  { routes: [{ route: `text.summarize@${EXAMPLE.device}`, priceMicro: 400 }], require: { privacy: 'confidential' } },
);

const figure = {
  task: EXAMPLE.task,
  operation: 'text.summarize',
  state: 'succeeded',
  route: `text.summarize@${EXAMPLE.device}`,
  resultHash: EXAMPLE.hash,
  settledMicro: 1_200,
  timeMs: 240,
  wallMs: 251,
  basis: null,
  refused: null,
} as const;

const comparisonExample = {
  totals: {
    matched: 1,
    onlyHere: 0,
    onlyThere: 0,
    sameResults: 1,
    otherResults: 0,
    estimated: 0,
    succeeded: { here: 1, there: 1, difference: 0 },
    settledMicro: { here: 400, there: 1_200, difference: -800 },
    timeMs: { here: 240, there: 240, difference: 0 },
  },
  tasks: [
    {
      id: EXAMPLE.task,
      here: { ...figure, settledMicro: 400, wallMs: null, basis: 'recorded' },
      there: figure,
      sameResult: true,
    },
  ],
  nextCursor: null,
  missions: [],
  accounts: [{ id: 'tenant', here: 999_999_600, there: 999_998_800, difference: 800 }],
  truncated: false,
};

export const ForkComparison = shape('ForkComparison', comparison, comparisonExample);

export const WhatIfResult = shape('WhatIfResult', whatIfResult, {
  whatIf: { until: { seq: 99, at: EXAMPLE.later }, tasks: 1, missions: 0, skipped: 0, truncated: false },
  comparison: comparisonExample,
});
