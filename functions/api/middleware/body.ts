// Reads a request's body, never more than its limit, and as JSON only when it says that it is JSON. What JSON can say and
// Starling cannot keep is refused here: a journal that stored something else than was sent would prove a lie.

import type { Json } from '../../../core/json.ts';
import { findUnfit, pointerOf } from '../../../core/json-text.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Refusal } from '../problems.ts';

/** `application/json`, with or without parameters, and types built on it (RFC 6839). */
const jsonType = /^application\/([a-z0-9.!#$&^_+-]+\+)?json\s*(;|$)/i;

/** Why a body was not read. */
export type BodyRefusal =
  | { readonly code: 'body_too_large'; readonly detail: string; readonly bytesMax: number }
  | { readonly code: 'body_incomplete'; readonly detail: string }
  | { readonly code: 'unsupported_media_type'; readonly detail: string; readonly acceptEncoding: string };

/**
 * A whole body, or why not: `unsupported_media_type` when it is packed, `body_too_large` as soon as that is known, from its
 * announced length or from the byte that is one too many, `body_incomplete` when it breaks off.
 */
export async function readBytes(request: Request, bytesMax: number): Promise<Result<Uint8Array, BodyRefusal>> {
  const { body } = request;
  const packed = refuseEncoding(request);
  if (packed) return err(packed);
  if (body === null) return ok(new Uint8Array(0));
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > bytesMax) return err(tooLarge(bytesMax));
  try {
    // HTTP itself holds a body to its announced length.
    const bytes = announced === null ? await readChunks(body, bytesMax) : new Uint8Array(await request.arrayBuffer());
    return bytes === null || bytes.length > bytesMax ? err(tooLarge(bytesMax)) : ok(bytes);
  } catch {
    // Reading is all that was done here: the sender went, or what it sent is no HTTP.
    return err({ code: 'body_incomplete', detail: 'The body broke off before its end.' });
  }
}

/** Null when there are more bytes than that. */
async function readChunks(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      // Not awaited: what the sender still sends is not ours to wait for.
      reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** A body is read as it was sent: nothing is unpacked, so that nothing small becomes large. Null when there is no packing. */
export function refuseEncoding(
  { headers }: Request,
  accepted: readonly string[] = [],
): Extract<BodyRefusal, { code: 'unsupported_media_type' }> | null {
  const encodings = (headers.get('content-encoding') ?? '').toLowerCase().split(',');
  const other = encodings.map((name) => name.trim()).find((name) => !['', 'identity', ...accepted].includes(name));
  if (other === undefined) return null;
  const names = ['identity', ...accepted].join(', ');
  return {
    code: 'unsupported_media_type',
    detail: `Send the body without that Content-Encoding; what is read here is: ${names}.`,
    acceptEncoding: names,
  };
}

/** A JSON body, checked for form but for no schema; undefined when there is none at all. */
export async function readJson(request: Request, bytesMax: number): Promise<Result<Json | undefined, Refusal>> {
  const read = await readBytes(request, bytesMax);
  if (!read.ok) return read;
  if (read.value.length === 0) return ok(undefined);
  const type = request.headers.get('content-type') ?? '';
  if (!jsonType.test(type) || !isUtf8(type)) {
    return err({ code: 'unsupported_media_type', detail: 'Send JSON in UTF-8, with Content-Type: application/json.' });
  }
  let text: string;
  let value: Json;
  try {
    text = utf8.decode(read.value);
    // JSON.parse answers `any`; what it makes is Json by the definition of JSON.
    value = JSON.parse(text) as Json;
  } catch {
    // The parser's own message quotes the body.
    return err({ code: 'invalid_json', detail: 'The body is not JSON (RFC 8259) in UTF-8.' });
  }
  const unfit = findUnfit(value, text);
  if (unfit === null) return ok(value);
  const { path, message } = unfit;
  return err({ code: 'invalid_request', errors: [{ pointer: pointerOf(path), message }] });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** JSON is UTF-8 (RFC 8259, 8.1); some say so, and who says otherwise means other characters. */
function isUtf8(type: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^;"\s]*)/i.exec(type)?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

function tooLarge(bytesMax: number): BodyRefusal {
  return { code: 'body_too_large', detail: `At most ${bytesMax} bytes are read here.`, bytesMax };
}
