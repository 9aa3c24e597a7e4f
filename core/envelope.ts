// What every command arrives in: who wants it, under which id, at what time of the swarm's clock, in which trace.

import type { IdSource } from './ids.ts';
import type { Scope } from './keys/scopes.ts';

/** Who acts. `system` is the swarm itself: its timers, its drain. */
export type Actor =
  | { readonly kind: 'key'; readonly id: string; readonly scopes: readonly Scope[] }
  | { readonly kind: 'user'; readonly id: string; readonly scopes: readonly Scope[] }
  | { readonly kind: 'device'; readonly id: string }
  | { readonly kind: 'trigger'; readonly id: string }
  | { readonly kind: 'system'; readonly id: string };

/** The one word that stands for an actor in the journal: `key/key_…`, `device/dev_…`, `system/timer`. */
export function actorName(actor: Actor): string {
  return `${actor.kind}/${actor.id}`;
}

/** A command on its way in, as plain data that crosses RPC. */
export interface CommandEnvelope<C> {
  /** Made by whoever wants the thing done; the same id gives the same answer for ever [P2] [P6]. */
  readonly id: string;
  readonly actor: Actor;
  /** W3C `traceparent`; events carry it. */
  readonly trace?: string;
  readonly command: C;
}

/** What a decision may know besides the rows: time and ids, given by the shell. */
export interface Moment {
  /** Milliseconds since the epoch by the swarm's clock, which never runs backwards. */
  readonly at: number;
  readonly actor: Actor;
  readonly ids: IdSource;
  readonly commandId: string;
  readonly trace: string | null;
}
