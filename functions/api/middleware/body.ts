// Reads a request's body, never more than its limit, and as JSON only when it says that it is JSON. What JSON can say and
// Starling cannot keep is refused here: a journal that stored something else than was sent would prove a lie.

import { type Json, jsonDepthMax } from '../../../core/json.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Refusal } from '../problems.ts';

/** `application/json`, with or without parameters, and types built on it (RFC 6839). */
const jsonType = /^application\/([a-z0-9.!#$&^_+-]+\+)?json\s*(;|$)/i;

/** A body that is longer than is read here. */
export interface BodyTooLarge extends Refusal {
  readonly code: 'body_too_large';
  readonly bytesMax: number;
}

/** A whole body, or `body_too_large` as soon as that is known: from its announced length, or from the byte that is one too many. */
export async function readBytes(request: Request, bytesMax: number): Promise<Result<Uint8Array, BodyTooLarge>> {
  const { body } = request;
  if (body === null) return ok(new Uint8Array(0));
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > bytesMax) return err(tooLarge(bytesMax));
  if (announced !== null) {
    // HTTP itself holds a body to its announced length.
    const bytes = new Uint8Array(await request.arrayBuffer());
    return bytes.length > bytesMax ? err(tooLarge(bytesMax)) : ok(bytes);
  }
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
      return err(tooLarge(bytesMax));
    }
    chunks.push(value);
  }
  return ok(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
}

/** A JSON body, checked for form but for no schema; undefined when there is none at all. */
export async function readJson(request: Request, bytesMax: number): Promise<Result<Json | undefined, Refusal>> {
  const read = await readBytes(request, bytesMax);
  if (!read.ok) return read;
  if (read.value.length === 0) return ok(undefined);
  if (!jsonType.test(request.headers.get('content-type') ?? '')) {
    return err({ code: 'unsupported_media_type', detail: 'Send JSON, with Content-Type: application/json.' });
  }
  let value: Json;
  try {
    // JSON.parse answers `any`; what it makes is Json by the definition of JSON.
    value = JSON.parse(utf8.decode(read.value)) as Json;
  } catch {
    // The parser's own message quotes the body.
    return err({ code: 'invalid_json', detail: 'The body is not JSON (RFC 8259) in UTF-8.' });
  }
  const unsayable = findUnsayable(value, '', 0);
  return unsayable === null ? ok(value) : err({ code: 'invalid_request', errors: [unsayable] });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/**
 * Finds what must not come in: nesting past the limit, numbers beyond the double, texts with half a surrogate pair (I-JSON,
 * RFC 7493), and a member named `__proto__`, which copying would lose.
 */
function findUnsayable(value: Json, pointer: string, depth: number): { pointer: string; message: string } | null {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? null : { pointer, message: 'expected well-formed Unicode' };
    case 'number':
      return Number.isFinite(value) ? null : { pointer, message: 'expected a number within the range of a double' };
    case 'object':
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (depth >= jsonDepthMax) return { pointer, message: `nested deeper than ${jsonDepthMax}` };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = findUnsayable(value[i] ?? null, '', depth + 1);
      if (found) return { ...found, pointer: `${pointer}/${i}${found.pointer}` };
    }
    return null;
  }
  // An object that is no array: its members are read by their own keys.
  const object = value as { readonly [key: string]: Json };
  for (const key of Object.keys(object)) {
    const found =
      key === '__proto__' || !key.isWellFormed()
        ? { pointer: '', message: 'expected another member name' }
        : findUnsayable(object[key] ?? null, '', depth + 1);
    if (found) return { ...found, pointer: `${pointer}/${escapePointer(key)}${found.pointer}` };
  }
  return null;
}

/** One part of a JSON Pointer (RFC 6901). A key that is not well formed is not repeated. */
export function escapePointer(part: string): string {
  return (part.isWellFormed() ? part : '?').replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 200);
}

function tooLarge(bytesMax: number): BodyTooLarge {
  return { code: 'body_too_large', detail: `At most ${bytesMax} bytes are read here.`, bytesMax };
}
