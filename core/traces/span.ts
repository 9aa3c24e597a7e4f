// A span as traces know it, before it has a wire form: what it is called, where it hangs, when it was, how it ended. It tells
// who did what, when and at what price; never what was asked or answered.

/** The kinds of OpenTelemetry that are used, by the numbers that OTLP gives them. */
export const SPAN_KINDS = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = keyof typeof SPAN_KINDS;

export type AttributeValue = string | number | boolean;
/** Numbers are whole. Null and undefined are left out. */
export type Attributes = Readonly<Record<string, AttributeValue | null | undefined>>;

export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly at: number;
  readonly attributes: Attributes;
}

export interface Span {
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** True when the parent is a span of somebody else, who called us. */
  readonly isParentRemote: boolean;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startAt: number;
  readonly endAt: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** What went wrong, as a code; null when nothing did. */
  readonly error: string | null;
}
