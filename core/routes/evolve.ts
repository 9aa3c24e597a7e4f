// What a route looks like after an event.

import { assert } from '../assert.ts';
import type { RouteEvent } from './events.ts';
import { type Measured, type Route, UNMEASURED } from './state.ts';

/** Weight of the newest measurement: about the last ten attempts count. */
const NEWEST = 0.2;

export function evolveRoute(route: Route | null, event: RouteEvent): Route {
  switch (event.type) {
    case 'route.offered': {
      const { route: id, ...offer } = event.body;
      return { id, ...offer, active: true, measured: route?.measured ?? UNMEASURED };
    }
    case 'route.withdrawn':
      assert(route !== null, 'a route is offered before it is withdrawn');
      return { ...route, active: false };
    case 'route.measured':
      assert(route !== null, 'a route is offered before it is measured');
      return { ...route, measured: measure(route.measured, event.body.succeeded, event.body.durationMs) };
  }
}

function measure(measured: Measured, succeeded: boolean, durationMs: number): Measured {
  const success = round(measured.success + NEWEST * ((succeeded ? 1 : 0) - measured.success));
  if (!succeeded) return { ...measured, failures: measured.failures + 1, success };
  const latencyMs =
    measured.latencyMs === null ? durationMs : round(measured.latencyMs + NEWEST * (durationMs - measured.latencyMs));
  return { successes: measured.successes + 1, failures: measured.failures, latencyMs, success };
}

/** Six decimals: enough to rank by, and the same text on every machine. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
