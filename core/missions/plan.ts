// Is a plan a plan? Keys once each, `after` and results named that exist and come before, no cycle, bounded in size and depth.
// A task's input may hold `{ "$result": "key", "path": "/json/pointer" }`, which becomes that part of the earlier task's result.

import { type Json, type JsonObject, jsonDepthMax } from '../json.ts';
import { planDepthMax, planTasksMax } from '../limits.ts';
import { pointTo } from '../pointer.ts';
import { err, ok, type Result } from '../result.ts';
import { drawJson, type Room } from '../room.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { PlanTask } from './commands.ts';

/** The tasks in an order in which each comes after all that it waits for. */
export function checkPlan(tasks: readonly PlanTask[]): Result<readonly PlanTask[], Rejection> {
  if (tasks.length === 0) return err({ code: 'plan_empty' });
  if (tasks.length > planTasksMax) return err({ code: 'limit_reached', limit: 'planTasksMax', most: planTasksMax });
  const byKey = new Map<string, PlanTask>();
  for (const task of tasks) {
    if (byKey.has(task.key)) return err({ code: 'plan_key_repeated', key: task.key });
    byKey.set(task.key, task);
  }
  for (const task of tasks) {
    for (const key of task.after ?? []) if (!byKey.has(key)) return err({ code: 'plan_key_unknown', key });
    // A result that is used must have been waited for, or it may not be there.
    for (const key of resultsNamed(task.input))
      if (!task.after?.includes(key)) return err({ code: 'plan_result_not_awaited', key });
  }
  const ordered: PlanTask[] = [];
  const depth = new Map<string, number>();
  let rest = [...tasks];
  while (rest.length > 0) {
    const ready = rest.filter((task) => (task.after ?? []).every((key) => depth.has(key)));
    const first = rest[0];
    if (ready.length === 0) return err({ code: 'plan_cyclic', key: first?.key ?? '' });
    for (const task of ready)
      depth.set(task.key, 1 + Math.max(0, ...(task.after ?? []).map((key) => depth.get(key) ?? 0)));
    ordered.push(...ready);
    rest = rest.filter((task) => !depth.has(task.key));
  }
  const deepest = Math.max(...depth.values());
  if (deepest > planDepthMax) return err({ code: 'limit_reached', limit: 'planDepthMax', most: planDepthMax });
  return ok(ordered);
}

/** The keys whose results an input asks for. */
export function resultsNamed(input: Json): readonly string[] {
  const named = new Set<string>();
  visit(input, named);
  return [...named];
}

function visit(value: Json, named: Set<string>): void {
  if (value === null || typeof value !== 'object') return;
  const reference = referenceOf(value);
  if (reference) named.add(reference.key);
  else for (const member of Object.values(value)) visit(member, named);
}

interface Reference {
  readonly key: string;
  readonly path: string;
}

function referenceOf(value: readonly Json[] | JsonObject): Reference | null {
  if (Array.isArray(value)) return null;
  const { $result: key, path } = value as JsonObject; // not an array
  return typeof key === 'string' ? { key, path: typeof path === 'string' ? path : '' } : null;
}

/**
 * The input with results in the place of references. What it takes as text is drawn from `room` while it is made: null as soon
 * as it is too large, or nested deeper than JSON from outside may be.
 */
export function fillInput(input: Json, resultOf: (key: string) => Json, room: Room): { readonly input: Json } | null {
  const filled = fill(input, resultOf, room, jsonDepthMax);
  return filled === undefined ? null : { input: filled };
}

function fill(value: Json, resultOf: (key: string) => Json, room: Room, depthMax: number): Json | undefined {
  if (value === null || typeof value !== 'object') return drawJson(room, value, depthMax) ? value : undefined;
  const reference = referenceOf(value);
  if (reference) {
    const part = pointTo(resultOf(reference.key), reference.path) ?? null;
    return drawJson(room, part, depthMax) ? part : undefined;
  }
  if (depthMax <= 0) return undefined;
  return Array.isArray(value)
    ? fillList(value, resultOf, room, depthMax)
    : fillObject(value as JsonObject, resultOf, room, depthMax); // not an array
}

function fillList(
  list: readonly Json[],
  resultOf: (key: string) => Json,
  room: Room,
  depthMax: number,
): Json | undefined {
  // Its brackets and commas.
  if (!room.take(Math.max(2, list.length + 1))) return undefined;
  const filled: Json[] = [];
  for (const member of list) {
    const made = fill(member, resultOf, room, depthMax - 1);
    if (made === undefined) return undefined;
    filled.push(made);
  }
  return filled;
}

function fillObject(
  object: JsonObject,
  resultOf: (key: string) => Json,
  room: Room,
  depthMax: number,
): Json | undefined {
  const filled: [string, Json][] = [];
  // Braces for the commas that are one fewer than the members: with them each brings a comma and a colon.
  if (!room.take(Object.keys(object).length === 0 ? 2 : 1)) return undefined;
  for (const [key, member] of Object.entries(object)) {
    if (!room.take(2) || !drawJson(room, key)) return undefined;
    const made = fill(member, resultOf, room, depthMax - 1);
    if (made === undefined) return undefined;
    filled.push([key, made]);
  }
  return Object.fromEntries(filled);
}
