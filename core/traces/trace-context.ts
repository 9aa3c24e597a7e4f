// Which trace something belongs to, and the ids of its spans. Nothing is drawn at random: ids follow from who they are of, so
// that a span that is exported twice is one span [TRACE-2].

import { sha256 } from '../hash.ts';
import { traceparentPattern } from '../wire/terms.ts';

const traceIdChars = 32;
const spanIdChars = 16;

export interface TraceContext {
  readonly traceId: string;
  /** The span of whoever called us; null when the trace begins here. */
  readonly parentSpanId: string | null;
  /** False when the caller said that nobody records this trace. */
  readonly isSampled: boolean;
}

/**
 * The context of a piece of work.
 * @param traceparent W3C, as it came with the command; null when there was none
 * @param root the id of the work that a trace of our own begins with
 */
export function contextOf(traceparent: string | null, origin: string, root: string): TraceContext {
  if (traceparent === null || !traceparentPattern.test(traceparent))
    return { traceId: sha256(`trace ${origin} ${root}`).slice(0, traceIdChars), parentSpanId: null, isSampled: true };
  const [, traceId = '', parent = '', flags = ''] = traceparent.split('-');
  const isOurs = parent === entrySpanId(traceId);
  return { traceId, parentSpanId: isOurs ? null : parent, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * A caller's `traceparent` as version 00 writes it; null when it is none. One of a later version is read as far as 00 goes: what
 * follows there is left out, and of its flags only whether somebody records (W3C Trace Context, "Versioning of traceparent").
 */
export function readTraceparent(text: string): string | null {
  if (traceparentPattern.test(text)) return text;
  const later = /^(?!00|ff)[0-9a-f]{2}(-[0-9a-f]{32}-[0-9a-f]{16}-)([0-9a-f]{2})(?:-.*)?$/.exec(text);
  const known = later && `00${later[1]}0${Number.parseInt(later[2] ?? '', 16) & 1}`;
  return known && traceparentPattern.test(known) ? known : null;
}

/** The id of the span that stands for a thing of this swarm: `tsk_…`, `att_…`, `msn_…`, `dlv_…`. */
export function spanIdOf(origin: string, id: string): string {
  return sha256(`span ${origin} ${id}`).slice(0, spanIdChars);
}

/**
 * The span id in a `traceparent` that we made ourselves, for a caller who brought none. It says that there is no span above:
 * else every such trace would wait for one that nobody exports. The middle of the trace's id: some make a root span of its
 * end, nobody of this.
 */
export function entrySpanId(traceId: string): string {
  return traceId.slice((traceIdChars - spanIdChars) / 2, (traceIdChars + spanIdChars) / 2);
}
