// Spans as OTLP/JSON (OTLP 1.10, "JSON Protobuf Encoding"): ids in hex, 64-bit numbers as text, enums as numbers, and no member
// that says nothing. Texts are cut: one span never fills a batch.

import { assert } from '../assert.ts';
import { cutText } from '../cut-text.ts';
import type { Attributes, AttributeValue, Span, SpanEvent } from './span.ts';
import { SPAN_KINDS } from './span.ts';

/** Longest text of an attribute, a name, a code. Ours are far shorter; what devices name themselves may not be. */
export const attributeCharsMax = 256;
/** Names the spans' maker, and the version of their shape. */
const SCOPE = '{"name":"starling","version":"1"}';

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

/** One span as JSON text: what `exportRequest` puts together. Written out by hand: thousands of them are made each second. */
export function spanText(span: Span): string {
  const { traceId, spanId, parentSpanId, isParentRemote, startAt, error } = span;
  const flags = FLAG_SAMPLED | FLAG_KNOWS_REMOTE | (isParentRemote ? FLAG_REMOTE : 0);
  // Collectors refuse a span that ends before it begins.
  const endAt = Math.max(startAt, span.endAt);
  return (
    `{"traceId":"${traceId}","spanId":"${spanId}"${parentSpanId === null ? '' : `,"parentSpanId":"${parentSpanId}"`}` +
    `,"flags":${flags},"name":${quoted(span.name)},"kind":${SPAN_KINDS[span.kind]}` +
    `,"startTimeUnixNano":${nanos(startAt)},"endTimeUnixNano":${nanos(endAt)}` +
    `,"attributes":${attributesText(span.attributes)}` +
    (span.events.length === 0 ? '' : `,"events":[${span.events.map(eventText).join(',')}]`) +
    (error === null ? '}' : `,"status":{"code":${STATUS_ERROR},"message":${quoted(error)}}}`)
  );
}

/** An `ExportTraceServiceRequest`: spans of one swarm, by their texts. */
export function exportRequest(owner: SpanOwner, spans: readonly string[]): string {
  const resource = attributesText({
    'service.name': 'starling',
    'service.namespace': owner.tenant,
    'service.instance.id': owner.swarm,
    'starling.tenant': owner.tenant,
    'starling.swarm': owner.swarm,
  });
  return (
    `{"resourceSpans":[{"resource":{"attributes":${resource}},"scopeSpans":[{"scope":${SCOPE},"spans":[` +
    `${spans.join(',')}]}]}]}`
  );
}

/** Bytes that a request has beside its spans, at most. */
export const requestBytesOverhead = 2_048;

function eventText({ name, at, attributes }: SpanEvent): string {
  return `{"timeUnixNano":${nanos(at)},"name":${quoted(name)},"attributes":${attributesText(attributes)}}`;
}

/** Keys are ours: names that need no escapes. */
function attributesText(attributes: Attributes): string {
  let text = '';
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    text += `${text === '' ? '' : ','}{"key":"${key}","value":${valueText(value)}}`;
  }
  return `[${text}]`;
}

function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return `{"stringValue":${quoted(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  assert(Number.isSafeInteger(value), 'a number in a span is whole');
  return `{"intValue":"${value}"}`;
}

/** A text as JSON, cut to size; half a character would be no UTF-8. */
function quoted(text: string): string {
  return JSON.stringify(cutText(text, attributeCharsMax).toWellFormed());
}

/** Milliseconds as nanoseconds, in text: beyond 2^53. */
function nanos(at: number): string {
  return `"${at}000000"`;
}
