// An event as outsiders see it: CloudEvents 1.0 attributes around the body, with the chain's own members as extension
// attributes (lower-case letters and digits, as CloudEvents asks). Nothing of the hash's preimage is lost: an outsider can go
// back from here and check.

import { sha256 } from '../hash.ts';
import { canonicalStored, isJson, type JsonObject, wrappedDepthMax } from '../json.ts';
import type { StoredEvent } from './event.ts';
import { preimage } from './event.ts';

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: JsonObject;
  readonly seq: number;
  readonly hash: string;
  readonly previous: string;
  readonly actor: string;
  readonly command: string;
  readonly schemaversion: number;
  readonly traceparent?: string;
}

/** Stands before each type outside of the swarm. */
export const TYPE_PREFIX = 'starling.';

/** @param origin `tenant/swarm` */
export function toCloudEvent(origin: string, event: StoredEvent): CloudEvent {
  return {
    ...envelopeOf(origin, event),
    type: TYPE_PREFIX + event.type,
    subject: event.subject,
    data: JSON.parse(event.body) as JsonObject, // bodies are canonical JSON objects, written by us
    seq: event.seq,
    hash: event.hash,
    previous: event.previous,
    actor: event.actor,
    command: event.command,
    schemaversion: event.version,
    ...(event.trace === null ? {} : { traceparent: event.trace }),
  };
}

/** The origin that an event names in its source; null when it names none. */
export function originOf(event: CloudEvent): string | null {
  const source: unknown = event?.source; // what comes from outside may be anything
  const [, tenant, swarm] = (typeof source === 'string' && SOURCE.exec(source)) || [];
  return tenant === undefined || swarm === undefined ? null : `${tenant}/${swarm}`;
}
const SOURCE = /^\/tenants\/([^/]+)\/swarms\/([^/]+)$/;

/** The attributes that CloudEvents asks for and that follow from where and when an event stands. */
export function envelopeOf(origin: string, { seq, at }: StoredEvent) {
  return {
    specversion: '1.0',
    id: `${origin}/${seq}`,
    source: `/tenants/${origin.replace('/', '/swarms/')}`,
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
  } as const;
}

/**
 * The stored event again, from an outsider's copy; null when it is not written as `toCloudEvent` writes it. What is not
 * hashed (`id`, `source`, the spelling of the time) follows from what is, and must not say anything else.
 */
export function readCloudEvent(origin: string, event: CloudEvent): StoredEvent | null {
  if (!hasForm(event)) return null;
  const stored = fromCloudEvent(event);
  if (!event.type.startsWith(TYPE_PREFIX) || !(stored.at >= timeMin && stored.at <= timeMax)) return null;
  const own = envelopeOf(origin, stored);
  const isOwn =
    event.id === own.id &&
    event.source === own.source &&
    event.time === own.time &&
    event.specversion === own.specversion &&
    event.datacontenttype === own.datacontenttype;
  return isOwn ? stored : null;
}

/** The first and the last moment that RFC 3339 and every reader of it can write. */
const timeMin = Date.parse('0001-01-01T00:00:00.000Z');
const timeMax = Date.parse('9999-12-31T23:59:59.999Z');

const MEMBERS: Readonly<Record<keyof CloudEvent, true>> = {
  ...{ specversion: true, id: true, source: true, type: true, subject: true, time: true, datacontenttype: true },
  ...{ data: true, seq: true, hash: true, previous: true, actor: true, command: true, schemaversion: true },
  traceparent: true,
};

/**
 * The type says what our own writes: what comes from outside may be anything that JSON can say. A member of another name is
 * covered by no hash, and would be shown as if it were proved.
 */
function hasForm(event: CloudEvent): boolean {
  if (typeof event !== 'object' || event === null) return false;
  if (!Object.keys(event).every((name) => Object.hasOwn(MEMBERS, name)) || event.traceparent === null) return false;
  const { data, seq, schemaversion, traceparent, type, time, subject, actor, command, hash, previous } = event;
  return (
    typeof data === 'object' &&
    data !== null &&
    isJson(data, wrappedDepthMax) &&
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(schemaversion) &&
    [type, time, subject, actor, command, hash, previous, traceparent ?? ''].every((text) => typeof text === 'string')
  );
}

/** The stored event again, for whoever wants to check its hash. */
export function fromCloudEvent(event: CloudEvent): StoredEvent {
  return {
    seq: event.seq,
    hash: event.hash,
    previous: event.previous,
    type: event.type.slice(TYPE_PREFIX.length),
    version: event.schemaversion,
    at: Date.parse(event.time),
    actor: event.actor,
    subject: event.subject,
    command: event.command,
    trace: event.traceparent ?? null,
    body: canonicalStored(event.data),
  };
}

/** True when the event's hash is that of its content, in the journal of this origin. */
export function hashHolds(origin: string, event: StoredEvent): boolean {
  return sha256(preimage(origin, event)) === event.hash;
}
