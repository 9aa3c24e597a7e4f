// An export as lines of text (NDJSON): first one that says what it is and carries the signed checkpoint, then one CloudEvent a
// line, seq 1 to the checkpoint's size. Each line can be written in one way only, so that an export has one spelling: whoever
// reads it refuses any other byte, not only those that a hash covers [P7].

import { checkpoint as checkpointSchema } from '../wire/resources.ts';
import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { type CloudEvent, envelopeOf, readCloudEvent, TYPE_PREFIX } from './cloud-event.ts';
import type { StoredEvent } from './event.ts';

/** The version of the lines. Another spelling is another version. */
export const EXPORT_VERSION = 1;

/** The first line, without its end. */
export function exportHeader({ origin, size, head, root, at, signature, publicKey }: SignedCheckpoint): string {
  const checkpoint = { origin, size, head, root, at, signature, publicKey };
  return JSON.stringify({ starling: 'export', version: EXPORT_VERSION, origin, checkpoint });
}

/** The checkpoint of an export's first line; null when the line is none, or its signature does not hold. */
export function readExportHeader(line: string): SignedCheckpoint | null {
  const parsed = parse(line) as { readonly checkpoint?: unknown } | null | undefined; // looked at below
  const read = checkpointSchema.safeParse(parsed?.checkpoint);
  if (!read.success || exportHeader(read.data) !== line) return null;
  return isSound(read.data) && verifyCheckpoint(read.data) ? read.data : null;
}

/** What a signature may be put under: verifying needs the right lengths, and a journal has a first event. */
function isSound({ size, head, root, signature, publicKey }: SignedCheckpoint): boolean {
  const isHash = (text: string) => /^[0-9a-f]{64}$/.test(text);
  return size >= 1 && isHash(head) && isHash(root) && /^[\w-]{86}$/.test(signature) && /^[\w-]{43}$/.test(publicKey);
}

/** An event's line, without its end: what `toCloudEvent` gives, its body as the text that was hashed. */
export function eventLine(origin: string, event: StoredEvent): string {
  const { specversion, id, source, time, datacontenttype } = envelopeOf(origin, event);
  const text = JSON.stringify;
  return (
    `{"specversion":"${specversion}","id":${text(id)},"source":${text(source)},"time":"${time}"` +
    `,"datacontenttype":"${datacontenttype}","type":${text(TYPE_PREFIX + event.type)},"subject":${text(event.subject)}` +
    `,"data":${event.body},"seq":${event.seq},"hash":${text(event.hash)},"previous":${text(event.previous)}` +
    `,"actor":${text(event.actor)},"command":${text(event.command)},"schemaversion":${event.version}` +
    `${event.trace === null ? '' : `,"traceparent":${text(event.trace)}`}}`
  );
}

/** The event of a line; null when the line is not written as `eventLine` writes it. */
export function readEventLine(origin: string, line: string): StoredEvent | null {
  // Whatever JSON can say: readCloudEvent looks at every member before it is used.
  const event = readCloudEvent(origin, parse(line) as CloudEvent);
  return event !== null && eventLine(origin, event) === line ? event : null;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // no JSON is undefined: the caller takes it for "not one of ours"
  }
}
