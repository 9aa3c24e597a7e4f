// Spans as OTLP/JSON (OTLP 1.10, "JSON Protobuf Encoding"): ids in hex, 64-bit numbers as text, enums as numbers, and no member
// that says nothing. Texts are cut: one span never fills a batch.

import { assert } from '../assert.ts';
import type { Attributes, AttributeValue, Span, SpanEvent } from './span.ts';
import { SPAN_KINDS } from './span.ts';

/** Longest text of an attribute, a name, a code. Ours are far shorter; what devices name themselves may not be. */
export const attributeCharsMax = 256;
/** Names the spans' maker, and the version of their shape. */
const SCOPE = { name: 'starling', version: '1' };

/** W3C: recorded. OTLP: it is known whether the parent is remote, and it is. */
const FLAG_SAMPLED = 0x001;
const FLAG_KNOWS_REMOTE = 0x100;
const FLAG_REMOTE = 0x200;
/** `STATUS_CODE_ERROR`. */
const STATUS_ERROR = 2;

export interface SpanOwner {
  readonly tenant: string;
  readonly swarm: string;
}

/** One span as JSON text: what `exportRequest` puts together. */
export function spanText(span: Span): string {
  return JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === null ? {} : { parentSpanId: span.parentSpanId }),
    flags: FLAG_SAMPLED | FLAG_KNOWS_REMOTE | (span.isParentRemote ? FLAG_REMOTE : 0),
    name: cut(span.name),
    kind: SPAN_KINDS[span.kind],
    startTimeUnixNano: nanos(span.startAt),
    // Collectors refuse a span that ends before it begins.
    endTimeUnixNano: nanos(Math.max(span.startAt, span.endAt)),
    attributes: attributesOf(span.attributes),
    ...(span.events.length === 0 ? {} : { events: span.events.map(eventOf) }),
    ...(span.error === null ? {} : { status: { code: STATUS_ERROR, message: cut(span.error) } }),
  });
}

/** An `ExportTraceServiceRequest`: spans of one swarm, by their texts. */
export function exportRequest(owner: SpanOwner, spans: readonly string[]): string {
  const resource = {
    attributes: attributesOf({
      'service.name': 'starling',
      'service.namespace': owner.tenant,
      'service.instance.id': owner.swarm,
      'starling.tenant': owner.tenant,
      'starling.swarm': owner.swarm,
    }),
  };
  return `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(SCOPE)},"spans":[${spans.join(',')}]}]}]}`;
}

/** Bytes that a request has beside its spans, at most. */
export const requestBytesOverhead = 2_048;

function eventOf({ name, at, attributes }: SpanEvent) {
  return { timeUnixNano: nanos(at), name: cut(name), attributes: attributesOf(attributes) };
}

function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: AttributeValue) {
  if (typeof value === 'string') return { stringValue: cut(value) };
  if (typeof value === 'boolean') return { boolValue: value };
  assert(Number.isSafeInteger(value), 'a number in a span is whole');
  return { intValue: String(value) };
}

/** Half a character would be no UTF-8. */
function cut(text: string): string {
  return text.slice(0, attributeCharsMax).toWellFormed();
}

/** Milliseconds as nanoseconds, in text: beyond 2^53. */
function nanos(at: number): string {
  return `${at}000000`;
}
