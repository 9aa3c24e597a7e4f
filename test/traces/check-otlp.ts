// Checks an OTLP/JSON request for traces as strictly as the specification lets a receiver be: every member by its name and form
// (proto3's JSON mapping, with the exceptions of "JSON Protobuf Encoding"). Written from opentelemetry-proto 1.9; knows nothing of
// our code.

export type Value = string | number | boolean;

export interface CheckedSpan {
  readonly resource: Readonly<Record<string, Value>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly {
    readonly name: string;
    readonly at: bigint;
    readonly attributes: Record<string, Value>;
  }[];
  readonly status: { readonly code: number; readonly message: string };
}

type Members = Readonly<Record<string, unknown>>;

/** The spans of a request. @throws when anything about it is not as it has to be */
export function checkRequest(text: string): CheckedSpan[] {
  const request = object(JSON.parse(text), 'request', ['resourceSpans']);
  const spans: CheckedSpan[] = [];
  for (const resourceSpans of list(request.resourceSpans, 'resourceSpans')) {
    const members = object(resourceSpans, 'resourceSpans', ['resource', 'scopeSpans', 'schemaUrl']);
    const resource = object(members.resource, 'resource', ['attributes', 'droppedAttributesCount']);
    const about = attributes(resource.attributes);
    must(typeof about['service.name'] === 'string' && about['service.name'] !== '', 'a resource has a service.name');
    for (const scopeSpans of list(members.scopeSpans, 'scopeSpans')) {
      const scoped = object(scopeSpans, 'scopeSpans', ['scope', 'spans', 'schemaUrl']);
      const scope = object(scoped.scope, 'scope', ['name', 'version', 'attributes', 'droppedAttributesCount']);
      textOf(scope.name, 'scope.name');
      for (const span of list(scoped.spans, 'spans')) spans.push(checkSpan(span, about));
    }
  }
  return spans;
}

const SPAN_MEMBERS = [
  'traceId',
  'spanId',
  'traceState',
  'parentSpanId',
  'flags',
  'name',
  'kind',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'attributes',
  'droppedAttributesCount',
  'events',
  'droppedEventsCount',
  'links',
  'droppedLinksCount',
  'status',
];

function checkSpan(value: unknown, resource: Record<string, Value>): CheckedSpan {
  const span = object(value, 'span', SPAN_MEMBERS);
  const start = nanos(span.startTimeUnixNano, 'startTimeUnixNano');
  const end = nanos(span.endTimeUnixNano, 'endTimeUnixNano');
  must(end >= start, 'a span ends after it begins');
  const name = textOf(span.name, 'span.name');
  must(name.length > 0, 'a span has a name');
  const { kind, flags } = span;
  must(
    typeof kind === 'number' && [1, 2, 3, 4, 5].includes(kind),
    'kind is the number of an enum, and not unspecified',
  );
  must(typeof flags === 'number' && Number.isInteger(flags) && flags >= 0 && flags < 2 ** 32, 'flags is a fixed32');
  // Bits 10 to 31 are reserved.
  must(Number(flags) >> 10 === 0, 'reserved flags are 0');
  const parentSpanId = span.parentSpanId === undefined ? null : hex(span.parentSpanId, 16, 'parentSpanId');
  must(parentSpanId !== null || (Number(flags) & 0x200) === 0, 'only a parent can be remote');
  return {
    resource,
    traceId: hex(span.traceId, 32, 'traceId'),
    spanId: hex(span.spanId, 16, 'spanId'),
    parentSpanId,
    flags: Number(flags),
    name,
    kind: Number(kind),
    start,
    end,
    attributes: attributes(span.attributes),
    events: span.events === undefined ? [] : list(span.events, 'events').map(checkEvent),
    status: status(span.status),
  };
}

function checkEvent(value: unknown) {
  const event = object(value, 'event', ['timeUnixNano', 'name', 'attributes', 'droppedAttributesCount']);
  return {
    name: textOf(event.name, 'event.name'),
    at: nanos(event.timeUnixNano, 'timeUnixNano'),
    attributes: attributes(event.attributes),
  };
}

function status(value: unknown): CheckedSpan['status'] {
  if (value === undefined) return { code: 0, message: '' };
  const { code = 0, message = '' } = object(value, 'status', ['code', 'message']);
  must(code === 0 || code === 1 || code === 2, 'status.code is the number of an enum');
  must(code === 2 || message === '', 'only an error has a message');
  return { code: Number(code), message: textOf(message, 'status.message') };
}

function attributes(value: unknown): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const item of value === undefined ? [] : list(value, 'attributes')) {
    const pair = object(item, 'attribute', ['key', 'value']);
    const key = textOf(pair.key, 'key');
    must(key !== '' && !Object.hasOwn(found, key), `the key ${key} stands once`);
    found[key] = anyValue(pair.value, key);
  }
  return found;
}

/** The kinds of values that OpenTelemetry's attributes of spans may have, lists aside: we send none. */
function anyValue(value: unknown, key: string): Value {
  const member = object(value, key, ['stringValue', 'boolValue', 'intValue', 'doubleValue']);
  const kinds = Object.keys(member);
  must(kinds.length === 1, `${key} has one value`);
  if (typeof member.stringValue === 'string') return textOf(member.stringValue, key);
  if (typeof member.boolValue === 'boolean') return member.boolValue;
  if (typeof member.intValue === 'string') {
    must(/^-?(0|[1-9]\d*)$/.test(member.intValue), `${key} is an int64 in text`);
    return Number(member.intValue);
  }
  must(typeof member.doubleValue === 'number', `${key} has a value of a known kind`);
  return Number(member.doubleValue);
}

/** A fixed64 as text, of this century: a time in the wrong unit is caught. */
function nanos(value: unknown, what: string): bigint {
  must(typeof value === 'string' && /^[1-9]\d{0,19}$/.test(value), `${what} is a fixed64 in text`);
  const time = BigInt(String(value));
  must(time > 946_684_800_000_000_000n && time < 4_102_444_800_000_000_000n, `${what} is in nanoseconds`);
  return time;
}

function hex(value: unknown, chars: number, what: string): string {
  must(
    typeof value === 'string' && value.length === chars && /^[0-9a-f]+$/.test(value),
    `${what}: ${chars} hex digits`,
  );
  must(!/^0+$/.test(String(value)), `${what} is not nought`);
  return String(value);
}

function textOf(value: unknown, what: string): string {
  must(typeof value === 'string' && value.isWellFormed(), `${what} is a text`);
  return String(value);
}

function list(value: unknown, what: string): readonly unknown[] {
  must(Array.isArray(value) && value.length > 0, `${what} is a list of something`);
  return value as unknown[]; // as was just asked
}

/** Protobuf's JSON has lowerCamelCase names, no other members, and null for nothing that is sent. */
function object(value: unknown, what: string, known: readonly string[]): Members {
  must(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is an object`);
  for (const [name, member] of Object.entries(value as Members)) {
    must(known.includes(name), `${what} has no member ${name}`);
    must(member !== null && member !== undefined, `${what}.${name} is left out, not null`);
  }
  return value as Members; // as was just asked
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`OTLP: ${what}`);
}
