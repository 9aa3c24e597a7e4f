// Which executors may do a task, best first: the filter is hard (privacy, kind, capability, price, presence), the score soft
// (price, latency, success). The winner and its fallbacks are the FIB entry in force for that request.

import { attemptsMax } from '../limits.ts';
import { PRIVACY_CLASSES, type PrivacyClass } from '../wire/terms.ts';
import type { Requirements } from '../work/state.ts';
import type { Route } from './state.ts';

/** A route with what is known of its executor at this moment. */
export interface Candidate {
  readonly route: Route;
  readonly connected: boolean;
  /** Connected, and with room for one more attempt. */
  readonly free: boolean;
}

export interface Wanted {
  readonly require: Requirements;
  readonly maxCreditsMicro: number | null;
  /** How often each route was tried for this task already. */
  readonly tried: ReadonlyMap<string, number>;
}

export const REFUSALS = ['withdrawn', 'executor', 'capability', 'privacy', 'price', 'tried'] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface Ranked {
  readonly able: readonly { readonly candidate: Candidate; readonly score: number }[];
  readonly unable: readonly { readonly candidate: Candidate; readonly why: Refusal }[];
}

/** Weights of the score; they sum to 1. Control over them is the tenant's in a later version. */
const WEIGHTS = { price: 0.4, latency: 0.2, success: 0.4 } as const;
/** The latency assumed of a route that was never measured, in ms. */
const LATENCY_ASSUMED_MS = 1_000;
/** Each earlier try of the same route by the same task halves its score. */
const TRIED_FACTOR = 0.5;

/** Ranks candidates. Deterministic: equal scores are ordered by connection, then by route id. */
export function rank(candidates: readonly Candidate[], wanted: Wanted): Ranked {
  const able: { candidate: Candidate; score: number }[] = [];
  const unable: { candidate: Candidate; why: Refusal }[] = [];
  const allowed: Candidate[] = [];
  for (const candidate of candidates) {
    const why = refuseRoute(candidate.route, wanted);
    if (why === null) allowed.push(candidate);
    else unable.push({ candidate, why });
  }
  let cheapest = Number.POSITIVE_INFINITY;
  let fastest = Number.POSITIVE_INFINITY;
  for (const { route } of allowed) {
    cheapest = Math.min(cheapest, route.priceMicro);
    fastest = Math.min(fastest, latencyOf(route));
  }
  for (const candidate of allowed) {
    able.push({
      candidate,
      score: scoreOf(candidate.route, cheapest, fastest, wanted.tried.get(candidate.route.id) ?? 0),
    });
  }
  able.sort(
    (a, b) =>
      Number(b.candidate.connected) - Number(a.candidate.connected) ||
      b.score - a.score ||
      (a.candidate.route.id < b.candidate.route.id ? -1 : 1),
  );
  return { able, unable };
}

function scoreOf(route: Route, cheapest: number, fastest: number, tries: number): number {
  const score =
    WEIGHTS.price * (cheapest / route.priceMicro) +
    WEIGHTS.latency * ((fastest + 1) / (latencyOf(route) + 1)) +
    WEIGHTS.success * route.measured.success;
  return Math.round(score * TRIED_FACTOR ** tries * 1e6) / 1e6;
}

function latencyOf(route: Route): number {
  return route.measured.latencyMs ?? LATENCY_ASSUMED_MS;
}

/** Why a route may not do what is wanted, or null. The filter is hard: no score makes up for it. */
export function refuseRoute(route: Route, { require, maxCreditsMicro, tried }: Wanted): Refusal | null {
  if (!route.active) return 'withdrawn';
  if (require.executor !== undefined && !executorMatches(route, require.executor)) return 'executor';
  if (require.capability !== undefined && !route.capabilities.includes(require.capability)) return 'capability';
  if (require.privacy !== undefined && !isAsPrivate(route.privacy, require.privacy)) return 'privacy';
  if (maxCreditsMicro !== null && route.priceMicro > maxCreditsMicro) return 'price';
  if ((tried.get(route.id) ?? 0) >= attemptsMax) return 'tried';
  return null;
}

function executorMatches(route: Route, wanted: string): boolean {
  if (wanted === 'cloud' || wanted === 'device') return (route.executor === 'cloud') === (wanted === 'cloud');
  return route.executor === wanted;
}

function isAsPrivate(has: PrivacyClass, needs: PrivacyClass): boolean {
  return PRIVACY_CLASSES.indexOf(has) >= PRIVACY_CLASSES.indexOf(needs);
}
