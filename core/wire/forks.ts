// Forks, comparisons and what-ifs on the wire.

import { z } from 'zod';
import { MISSION_STATES } from '../missions/state.ts';
import { TASK_STATES } from '../work/state.ts';
import { idOf, time } from './terms.ts';

export const fork = z.object({
  id: idOf('swm'),
  name: z.string(),
  origin: z.string(),
  state: z.enum(['filling', 'ready']),
  parent: z.object({
    swarm: idOf('swm'),
    origin: z.string(),
    seq: z.number().int(),
    at: time,
    head: z.string(),
    stateHash: z.string().meta({ description: 'Of the whole state of the parent at that moment.' }),
  }),
  effects: z.enum(['off', 'on']),
  createdAt: time,
});

/** Shown once, with its key. */
export const forkWithKey = fork.extend({
  apiKey: z.object({
    id: idOf('key'),
    secret: z
      .string()
      .meta({ description: 'The key of the fork, with the scopes of the caller. It acts there alone.' }),
  }),
});

const compared = z.object({ here: z.number(), there: z.number(), difference: z.number() });

const taskFigure = z.object({
  task: idOf('tsk').nullable(),
  operation: z.string(),
  state: z.enum([...TASK_STATES, 'refused']),
  route: z.string().nullable(),
  resultHash: z.string().nullable(),
  settledMicro: z.number().int(),
  timeMs: z.number().meta({ description: 'What its attempts took together.' }),
  wallMs: z
    .number()
    .nullable()
    .meta({ description: 'From request to end; null while open, and of what was simulated.' }),
  basis: z.enum(['recorded', 'estimated']).nullable().meta({
    description: 'Of a simulated task: whether every attempt went over a route that it went over in the record.',
  }),
  refused: z.string().nullable(),
});

const missionFigure = z.object({
  mission: idOf('msn'),
  name: z.string(),
  state: z.enum(MISSION_STATES),
  tasks: z.number().int(),
});

export const comparison = z.object({
  totals: z.object({
    matched: z.number().int(),
    onlyHere: z.number().int(),
    onlyThere: z.number().int(),
    sameResults: z.number().int(),
    otherResults: z.number().int(),
    estimated: z.number().int(),
    succeeded: compared,
    settledMicro: compared,
    timeMs: compared,
  }),
  tasks: z.array(
    z.object({
      id: z.string().meta({ description: 'The task as the parent knows it.' }),
      here: taskFigure.nullable(),
      there: taskFigure.nullable(),
      sameResult: z.boolean().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
  missions: z.array(z.object({ id: z.string(), here: missionFigure.nullable(), there: missionFigure.nullable() })),
  accounts: z.array(compared.extend({ id: z.string() })),
  truncated: z.boolean().meta({ description: 'There was more than is compared.' }),
});

export const whatIfResult = z.object({
  whatIf: z.object({
    until: z.object({ seq: z.number().int(), at: time }),
    tasks: z.number().int().meta({ description: 'Tasks that were run again, those of missions too.' }),
    missions: z.number().int(),
    skipped: z.number().int().meta({ description: 'Not run again: the record holds no end of theirs.' }),
    truncated: z.boolean(),
  }),
  comparison,
});
