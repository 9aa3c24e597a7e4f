// Missions on the wire.

import { z } from 'zod';
import { planTasksMax } from '../limits.ts';
import { MISSION_STATES } from '../missions/state.ts';
import { TASK_STATES } from '../work/state.ts';
import { requirements } from './tasks.ts';
import { amountMicro, idOf, json, operationName, time } from './terms.ts';

const planKey = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9._-]+$/, 'expected letters, digits, dot, dash, underscore');

/** A plan: a DAG of tasks. An input may hold `{ "$result": "key", "path": "/pointer" }` of a task named in `after`. */
export const missionPlan = z.strictObject({
  tasks: z
    .array(
      z.strictObject({
        key: planKey,
        operation: operationName,
        input: json,
        after: z.array(planKey).max(planTasksMax).optional(),
        maxCreditsMicro: amountMicro.optional(),
        require: requirements.optional(),
      }),
    )
    .min(1)
    .max(planTasksMax),
});

/** POST /v1/missions */
export const createMission = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  deadline: time.optional(),
  plan: missionPlan,
});

export const mission = z.object({
  id: idOf('msn'),
  name: z.string(),
  state: z.enum(MISSION_STATES),
  failedKey: z.string().nullable(),
  tasks: z.array(
    z.object({
      key: z.string(),
      taskId: idOf('tsk'),
      operation: z.string(),
      after: z.array(z.string()),
      state: z.enum(TASK_STATES),
      executor: z.string().nullable(),
      settledMicro: z.number().int(),
    }),
  ),
  cost: z.object({ heldMicro: z.number().int(), settledMicro: z.number().int() }),
  origin: z.string(),
  createdAt: time,
  updatedAt: time,
});
export type MissionView = z.infer<typeof mission>;
