// Is a plan a plan? Keys once each, `after` and results named that exist and come before, no cycle, bounded in size and depth.
// A task's input may hold `{ "$result": "key", "path": "/json/pointer" }`, which becomes that part of the earlier task's result.

import type { Json, JsonObject } from '../json.ts';
import { planDepthMax, planTasksMax } from '../limits.ts';
import { pointTo } from '../pointer.ts';
import { err, ok, type Result } from '../result.ts';
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
  walk(input, (reference) => {
    named.add(reference.key);
    return null;
  });
  return [...named];
}

/** The input with results in the place of references; null when it names none. */
export function fillInput(input: Json, resultOf: (key: string) => Json): { readonly input: Json } | null {
  let found = false;
  const filled = walk(input, ({ key, path }) => {
    found = true;
    return pointTo(resultOf(key), path) ?? null;
  });
  return found ? { input: filled } : null;
}

function walk(value: Json, replace: (reference: { key: string; path: string }) => Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((member) => walk(member, replace));
  const object = value as JsonObject; // arrays and scalars are behind us
  const { $result: key, path } = object;
  if (typeof key === 'string') return replace({ key, path: typeof path === 'string' ? path : '' });
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, walk(member, replace)]));
}
