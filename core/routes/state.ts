// A route: one executor that can do one operation, at a price, with what was measured of it. All routes together are the RIB.

import type { PrivacyClass } from '../wire/terms.ts';
import type { ExecutorId } from '../work/state.ts';

export interface Route {
  /** `operation@executor`. */
  readonly id: string;
  readonly operation: string;
  readonly executor: ExecutorId;
  readonly version: string;
  readonly summary: string;
  readonly input: { readonly [key: string]: unknown };
  readonly output: { readonly [key: string]: unknown };
  readonly priceMicro: number;
  readonly leaseMs: number;
  readonly privacy: PrivacyClass;
  readonly capabilities: readonly string[];
  /** False once its executor no longer offers it, or is revoked. */
  readonly active: boolean;
  readonly measured: Measured;
}

export interface Measured {
  readonly successes: number;
  readonly failures: number;
  /** Exponentially weighted mean of the durations of successes, in ms; null before the first. */
  readonly latencyMs: number | null;
  /** Exponentially weighted share of attempts that succeeded, from 1. */
  readonly success: number;
}

export const UNMEASURED: Measured = { successes: 0, failures: 0, latencyMs: null, success: 1 };

export function routeId(operation: string, executor: string): string {
  return `${operation}@${executor}`;
}
