// What a fact weighs against its device's share: about how many events may come of it by itself. Used where the facts come in
// and where they are taken, so that both count the same.

import { operationsPerDeviceMax } from '../limits.ts';

/** The most that one fact can weigh: a description that withdraws all routes and offers as many others. */
export const factCostMax = 1 + 2 * operationsPerDeviceMax;

/** @param body of a fact, as it came: it need not have been parsed */
export function factCost(body: unknown): number {
  if (!isObject(body) || body.type !== 'device.described' || !isObject(body.description)) return 1;
  const { operations } = body.description;
  return Array.isArray(operations) ? Math.min(factCostMax, 1 + 2 * operations.length) : 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
