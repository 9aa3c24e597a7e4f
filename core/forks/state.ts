// A fork: a swarm of the same tenant that begins with the rows of another at one moment, and goes on by itself. What it is
// stands on its own row; nothing of it stands in its parent [P9].

import type { SwarmId, TaskId } from '../ids.ts';
import type { ExecutorId, Requirements } from '../work/state.ts';

/** The moment that a fork has begun with. */
export interface Parent {
  readonly swarm: SwarmId;
  readonly origin: string;
  readonly seq: number;
  readonly at: number;
  /** Hash of that event. */
  readonly head: string;
  /** Hash of the parent's whole state then, of the kinds that a fork leaves out too. */
  readonly stateHash: string;
}

export interface Fork {
  readonly parent: Parent;
  /** Off: nothing leaves it for the world outside. */
  readonly effects: 'off' | 'on';
  /** The one simulation that a fork is for; null before it. */
  readonly whatIf: WhatIf | null;
}

/** A route as a what-if wants it. */
export interface RouteOverride {
  readonly route: string;
  readonly priceMicro?: number | undefined;
  readonly active?: boolean | undefined;
}

/** What is otherwise than it was. */
export interface Overrides {
  readonly routes: readonly RouteOverride[];
  /** Added to what each task asks for. */
  readonly require: Requirements;
  readonly maxCreditsMicro: number | null;
}

export interface WhatIf extends Overrides {
  /** The parent's record is looked at up to this moment. */
  readonly until: { readonly seq: number; readonly at: number };
  /** Tasks that are run again at most. */
  readonly limit: number;
  /** What came of it; null while it runs. */
  readonly ended: WhatIfCounts | null;
}

export interface WhatIfCounts {
  /** Tasks that were run again, those of missions too. */
  readonly tasks: number;
  readonly missions: number;
  /** Not run again: the record has no end of theirs that could stand in. */
  readonly skipped: number;
  /** More tasks were requested than `limit`. */
  readonly truncated: boolean;
}

/** Somebody who is there to do a task, because the record says so. */
export interface StandIn {
  readonly executor: ExecutorId;
  /** The route as it was when the record was made: it did the task then. Null: as it is in the fork. */
  readonly before: { readonly priceMicro: number; readonly require: Requirements } | null;
}

/** `recorded`: every attempt went over a route that it went over then. `estimated`: one did not. */
export type Basis = 'recorded' | 'estimated';

/** One task of the parent, run again here. */
export interface Rerun {
  /** The parent's task. */
  readonly id: TaskId;
  /** The task here; null when its request was refused. */
  readonly task: TaskId | null;
  readonly refused: string | null;
  readonly basis: Basis;
  /** What its attempts take together; waiting for an executor is not simulated. */
  readonly timeMs: number;
}

/**
 * Kinds of rows that a fork does not begin with. Keys, tokens, triggers and webhooks are the parent's word to others; they
 * hold its secrets and act in its name. Snapshots and segments are of its journal, reruns of its own what-if. The swarm's own
 * row is made anew by `swarm.forked`.
 */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  'swarm',
  'enrollment',
  'key',
  'trigger',
  'webhook',
  'delivery',
  'snapshot',
  'segment',
  'rerun',
]);

/** Whether anything may leave this swarm: orders, deliveries, traces. Only a fork is ever asked not to. */
export function actsOutside(swarm: { readonly fork?: Fork } | null): boolean {
  return swarm?.fork?.effects !== 'off';
}

/** Effects that are seen outside. What a swarm does itself, in process, and its timers are not. */
export const OUTWARD: ReadonlySet<string> = new Set(['order', 'expel', 'send']);
