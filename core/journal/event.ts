// An event as it stands in the journal, and the hash that chains it to the one before.
// The preimage is the canonical JSON (RFC 8785) of the event without its own hash: whoever has the event can check it with
// nothing but a JSON printer and SHA-256 [P7].

import { sha256 } from '../hash.ts';

/** What an event says, before it has a place in the journal: `subject` is `<kind>/<id>`, `body` canonical JSON. */
export interface Said {
  readonly type: string;
  readonly subject: string;
  readonly body: string;
}

/** What surrounds an event: who, when, by which command, in which trace. */
export interface EventContext {
  readonly at: number;
  readonly actor: string;
  readonly command: string;
  readonly trace: string | null;
}

/** One line of the journal. `body` is canonical JSON text, as it was hashed. */
export interface StoredEvent {
  readonly seq: number;
  readonly hash: string;
  readonly previous: string;
  readonly type: string;
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly subject: string;
  readonly command: string;
  readonly trace: string | null;
  readonly body: string;
}

/** Where a journal begins and whose it is: tenant and swarm are part of every hash. */
export interface Origin {
  readonly tenant: string;
  readonly swarm: string;
}

/** `tenant/swarm`, as it stands in hashes and checkpoints. */
export function originName(origin: Origin): string {
  return `${origin.tenant}/${origin.swarm}`;
}

/** The `previous` of the first event. */
export const GENESIS = '0'.repeat(64);

/** The schema version that new events are written with. A changed shape is a new version and an upcaster. */
export const EVENT_VERSION = 1;

/** The canonical text that is hashed. Members stand in sorted order; `body` is canonical already. */
export function preimage(origin: string, event: Omit<StoredEvent, 'hash'>): string {
  return (
    `{"actor":${JSON.stringify(event.actor)},"at":${event.at},"body":${event.body},"command":${JSON.stringify(event.command)}` +
    `,"origin":${JSON.stringify(origin)},"previous":"${event.previous}","seq":${event.seq}` +
    `,"subject":${JSON.stringify(event.subject)},"trace":${event.trace === null ? 'null' : JSON.stringify(event.trace)}` +
    `,"type":${JSON.stringify(event.type)},"version":${event.version}}`
  );
}

/** How much text events are, in UTF-16 units of their bodies: what pages and turns are measured by. */
export function textOf(events: readonly Pick<StoredEvent, 'body'>[]): number {
  let chars = 0;
  for (const { body } of events) chars += body.length;
  return chars;
}

/** Gives what was said its place: the next seq, chained to `previous`. */
export function chain(origin: string, previous: string, seq: number, said: Said, context: EventContext): StoredEvent {
  const event = {
    seq,
    previous,
    type: said.type,
    version: EVENT_VERSION,
    at: context.at,
    actor: context.actor,
    subject: said.subject,
    command: context.command,
    trace: context.trace,
    body: said.body,
  };
  return { ...event, hash: sha256(preimage(origin, event)) };
}
