// Tasks on the wire.

import { z } from 'zod';
import { ATTEMPT_STATES, TASK_STATES } from '../work/state.ts';
import { amountMicro, EXECUTOR_KINDS, idOf, json, operationName, PRIVACY_CLASSES, time } from './terms.ts';

export const requirements = z.strictObject({
  privacy: z.enum(PRIVACY_CLASSES).optional(),
  executor: z.union([z.enum(EXECUTOR_KINDS), idOf('dev')]).optional(),
  capability: z.string().min(1).max(100).optional(),
});

/** POST /v1/tasks */
export const createTask = z.strictObject({
  operation: operationName,
  input: json,
  maxCreditsMicro: amountMicro.optional(),
  deadline: time.optional(),
  require: requirements.optional(),
});

export const problemOfWork = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() });

export const attempt = z.object({
  id: idOf('att'),
  n: z.number().int(),
  executor: z.string(),
  route: z.string(),
  state: z.enum(ATTEMPT_STATES),
  priceMicro: z.number().int(),
  fraction: z.number(),
  leaseUntil: time,
  startedAt: time,
  endedAt: time.nullable(),
  error: problemOfWork.nullable(),
});

export const task = z.object({
  id: idOf('tsk'),
  state: z.enum(TASK_STATES),
  operation: z.string(),
  input: json,
  result: json,
  error: problemOfWork.nullable(),
  cost: z.object({ heldMicro: z.number().int(), settledMicro: z.number().int() }),
  maxCreditsMicro: z.number().int().nullable(),
  require: requirements,
  route: z.string().nullable(),
  attempts: z.array(attempt),
  mission: idOf('msn').nullable(),
  key: z.string().nullable(),
  after: z.array(z.string()),
  origin: z.string(),
  trace: z.string().nullable(),
  deadline: time,
  createdAt: time,
  updatedAt: time,
});
export type TaskView = z.infer<typeof task>;
