// From a webhook's payload to a task's input: JSON pointers (RFC 6901) and `{{/pointer}}` texts, and nothing that runs.
// One pass: what a payload brings is never read as a template again. Every walk is bounded by `workMax`.

import { type Json, jsonDepth } from '../json.ts';
import { pointTo } from '../pointer.ts';
import { err, ok, type Result } from '../result.ts';
import { drawJson, type Room, roomFor } from '../room.ts';

/** Bytes of UTF-8 JSON that a mapping may make: a task's input from outside stays small. */
export const mappedBytesMax = 64 * 1024;
/** Nesting that a mapping may make; leaves room inside an event's own limit. */
export const mappedDepthMax = 32;
/** Parts of one pointer. */
export const pointerPartsMax = 32;
/** Values and characters that one mapping may touch, so that a small template cannot copy a large payload many times. */
const workMax = 4 * mappedBytesMax;

/** Why a mapping gave nothing. */
export type MappingReason =
  | 'path_missing'
  | 'template_invalid'
  | 'pointer_invalid'
  | 'target_invalid'
  | 'key_forbidden'
  | 'value_invalid'
  | 'too_large'
  | 'too_deep';

/** `pointer` is the place in the input being made; `source` the place in the payload, where one was asked for. */
export interface MappingRejection {
  readonly code: 'mapping_failed';
  readonly reason: MappingReason;
  readonly pointer: string;
  readonly source?: string;
}

/** Keys that a payload may not bring: one reaches prototypes, the other reads another task's result in a plan. */
const FORBIDDEN_KEYS: readonly string[] = ['__proto__', '$result'];

type Open = null | boolean | number | string | Open[] | { [key: string]: Open };
type Step<T> = Result<T, { readonly reason: MappingReason; readonly source?: string }>;
type Part = string | { readonly source: string; readonly fallback: string | null };

/** What one mapping may still do, and the numbers of its payload that no double keeps. */
interface Work extends Room {
  readonly inexact: Readonly<Record<string, string>>;
}

/**
 * Makes a task's input (or a mission's plan) from a template and a payload.
 *
 * Texts of the template may hold `{{/a/b}}` or `{{/a/b|default}}`: a placeholder always becomes text (numbers and truth
 * values as JSON writes them, objects and arrays as JSON). `\{{` is a plain `{{`. Each entry of `mapping` then sets one
 * place of the input: from a payload pointer, keeping the value's type, or from a text with placeholders. Places are set
 * in the order of their pointers, parents first; missing objects on the way are made, arrays are not.
 *
 * A placeholder whose path is missing or null and that has no default is a rejection, and so is a pointer to nothing.
 *
 * @param inexact numbers of the payload that no double keeps, by pointer, as they are written: text gets them as they are, and
 * a place that would hold such a number is a rejection
 */
export function applyMapping(
  template: Json,
  mapping: Readonly<Record<string, string>> | undefined,
  payload: Json,
  inexact: Readonly<Record<string, string>> = {},
): Result<Json, MappingRejection> {
  const work: Work = { ...roomFor(workMax), inexact };
  const filled = fill(template, payload, work, null, 0);
  if (!filled.ok) return filled;
  let output = filled.value;
  for (const pointer of Object.keys(mapping ?? {}).sort()) {
    const value = read(mapping?.[pointer] ?? '', payload, work);
    const placed = value.ok ? place(output, pointer, value.value) : value;
    if (!placed.ok) return err({ code: 'mapping_failed', pointer, ...placed.error });
    output = placed.value;
  }
  if (jsonDepth(output, mappedDepthMax) > mappedDepthMax) return failed('too_deep', '');
  return drawJson(roomFor(mappedBytesMax), output) ? ok(output) : failed('too_large', '');
}

/** Whether a template and a mapping are well formed, before any payload is there: said when a trigger is made. */
export function checkMapping(
  template: Json,
  mapping: Readonly<Record<string, string>> | undefined,
): Result<true, MappingRejection> {
  if (jsonDepth(template, mappedDepthMax) > mappedDepthMax) return failed('too_deep', '');
  const broken = checkTexts(template, '');
  if (broken) return err(broken);
  for (const [pointer, source] of Object.entries(mapping ?? {})) {
    const path = parsePointer(pointer);
    const read = isTemplate(source) ? parseTemplate(source) : parsePointer(source);
    if (!path.ok) return failed(path.error.reason, pointer);
    if (!read.ok) return failed(read.error.reason, pointer);
    if (path.value.includes('__proto__')) return failed('key_forbidden', pointer);
  }
  return ok(true);
}

function failed(reason: MappingReason, pointer: string): { readonly ok: false; readonly error: MappingRejection } {
  return err({ code: 'mapping_failed', reason, pointer });
}

function checkTexts(template: Json, pointer: string): MappingRejection | null {
  if (typeof template === 'string') {
    const parsed = parseTemplate(template);
    return parsed.ok ? null : { code: 'mapping_failed', reason: parsed.error.reason, pointer };
  }
  if (template === null || typeof template !== 'object') return null;
  for (const [key, member] of Object.entries(template)) {
    const at = `${pointer}/${escapePart(key)}`;
    if (key === '__proto__') return { code: 'mapping_failed', reason: 'key_forbidden', pointer: at };
    const broken = checkTexts(member, at);
    if (broken) return broken;
  }
  return null;
}

/** A place in the input being made: a key under another place; null is the whole. Its pointer is written only when it is told. */
type Place = { readonly key: string; readonly under: Place } | null;

function pointerOf(place: Place): string {
  return place === null ? '' : `${pointerOf(place.under)}/${escapePart(place.key)}`;
}

/** A copy of the template with its texts filled in. */
function fill(template: Json, payload: Json, work: Work, place: Place, depth: number): Result<Open, MappingRejection> {
  if (typeof template === 'string') {
    const text = render(template, payload, work);
    return text.ok ? text : err({ code: 'mapping_failed', pointer: pointerOf(place), ...text.error });
  }
  if (template === null || typeof template !== 'object') {
    const copied = copy(template, work, 0);
    return copied.ok ? copied : failed(copied.error.reason, pointerOf(place));
  }
  if (!work.take(1)) return failed('too_large', pointerOf(place));
  if (depth >= mappedDepthMax) return failed('too_deep', pointerOf(place));
  const isArray = Array.isArray(template);
  const list: Open[] = [];
  const object: { [key: string]: Open } = {};
  for (const [key, member] of Object.entries(template)) {
    const at: Place = { key, under: place };
    if (key === '__proto__') return failed('key_forbidden', pointerOf(at));
    if (!work.take(key.length)) return failed('too_large', pointerOf(at));
    const filled = fill(member, payload, work, at, depth + 1);
    if (!filled.ok) return filled;
    if (isArray) list.push(filled.value);
    else object[key] = filled.value;
  }
  return ok(isArray ? list : object);
}

function isTemplate(source: string): boolean {
  return source.includes('{{');
}

function read(source: string, payload: Json, work: Work): Step<Open> {
  if (isTemplate(source)) return render(source, payload, work);
  const path = parsePointer(source);
  if (!path.ok) return path;
  const found = pointTo(payload, source);
  if (found === undefined) return err({ reason: 'path_missing', source });
  if (Object.hasOwn(work.inexact, source) || holdsInexact(source, work))
    return err({ reason: 'value_invalid', source });
  const copied = copy(found, work, 0);
  return copied.ok ? copied : err({ ...copied.error, source });
}

function render(text: string, payload: Json, work: Work): Step<string> {
  const parts = parseTemplate(text);
  if (!parts.ok) return parts;
  let out = '';
  for (const part of parts.value) {
    const piece = typeof part === 'string' ? part : textAt(payload, part.source, part.fallback, work);
    const source = typeof part === 'string' ? {} : { source: part.source };
    if (piece === undefined) return err({ reason: 'path_missing', ...source });
    if (typeof part !== 'string' && holdsInexact(part.source, work)) return err({ reason: 'value_invalid', ...source });
    if (piece === null || !work.take(piece.length + 1)) return err({ reason: 'too_large', ...source });
    if (!piece.isWellFormed()) return err({ reason: 'value_invalid', ...source });
    out += piece;
  }
  return ok(out);
}

/** Null for what has no room: its text is not made. */
function textAt(payload: Json, source: string, fallback: string | null, work: Work): string | null | undefined {
  const found = pointTo(payload, source);
  if (found === undefined || found === null) return fallback ?? undefined;
  if (typeof found === 'string') return found;
  if (typeof found === 'number') return work.inexact[source] ?? JSON.stringify(found);
  return drawJson(roomFor(work.left()), found) ? JSON.stringify(found) : null;
}

/** Whether what stands at `source` has in it a number that no double keeps. */
function holdsInexact(source: string, work: Work): boolean {
  const pointers = Object.keys(work.inexact);
  work.take(pointers.length);
  return pointers.some((pointer) => pointer.startsWith(`${source}/`));
}

/** Texts and placeholders in turn. Scans forward only, so its time grows with the text. */
function parseTemplate(text: string): Step<Part[]> {
  const parts: Part[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf('{{', from);
    if (open < 0) break;
    if (open > from && text[open - 1] === '\\') {
      parts.push(`${text.slice(from, open - 1)}{{`);
      from = open + 2;
      continue;
    }
    const close = text.indexOf('}}', open + 2);
    if (close < 0) return err({ reason: 'template_invalid' });
    const inner = text.slice(open + 2, close);
    const bar = inner.indexOf('|');
    const source = (bar < 0 ? inner : inner.slice(0, bar)).trim();
    const path = source === '' ? null : parsePointer(source);
    if (!path?.ok) return err({ reason: 'template_invalid', source });
    parts.push(text.slice(from, open), { source, fallback: bar < 0 ? null : inner.slice(bar + 1).trim() });
    from = close + 2;
  }
  parts.push(text.slice(from));
  return ok(parts);
}

function parsePointer(pointer: string): Step<string[]> {
  if (pointer === '') return ok([]);
  const parts = pointer.split('/', pointerPartsMax + 2);
  if (parts[0] !== '' || parts.length > pointerPartsMax + 1) return err({ reason: 'pointer_invalid' });
  if (/~(?![01])/.test(pointer)) return err({ reason: 'pointer_invalid' });
  return ok(parts.slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')));
}

function escapePart(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isIndex(part: string): boolean {
  return /^(0|[1-9]\d{0,8})$/.test(part);
}

function copy(value: Json, work: Room, depth: number): Step<Open> {
  if (!work.take(1)) return err({ reason: 'too_large' });
  // Adding nought takes the sign from minus nought, which JSON would lose: live and replayed inputs stay the same.
  if (typeof value === 'number') return Number.isFinite(value) ? ok(value + 0) : err({ reason: 'value_invalid' });
  if (typeof value === 'string') {
    if (!work.take(value.length)) return err({ reason: 'too_large' });
    return value.isWellFormed() ? ok(value) : err({ reason: 'value_invalid' });
  }
  if (value === null || typeof value !== 'object') return ok(value);
  if (depth >= mappedDepthMax) return err({ reason: 'too_deep' });
  if (Array.isArray(value)) {
    const list: Open[] = [];
    for (const member of value) {
      const copied = copy(member, work, depth + 1);
      if (!copied.ok) return copied;
      list.push(copied.value);
    }
    return ok(list);
  }
  const object: { [key: string]: Open } = {};
  for (const [key, member] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.includes(key)) return err({ reason: 'key_forbidden' });
    if (!key.isWellFormed()) return err({ reason: 'value_invalid' });
    if (!work.take(key.length)) return err({ reason: 'too_large' });
    const copied = copy(member, work, depth + 1);
    if (!copied.ok) return copied;
    object[key] = copied.value;
  }
  return ok(object);
}

/** Sets one place and returns the root, which is another one when the pointer is the whole document. */
function place(root: Open, pointer: string, value: Open): Step<Open> {
  const path = parsePointer(pointer);
  if (!path.ok) return path;
  if (path.value.includes('__proto__')) return err({ reason: 'key_forbidden' });
  const last = path.value.pop();
  if (last === undefined) return ok(value);
  let here = root;
  for (const part of path.value) {
    const next = step(here, part);
    if (next === undefined) return err({ reason: 'target_invalid' });
    here = next;
  }
  if (Array.isArray(here)) {
    if (last === '-') here.push(value);
    else if (isIndex(last) && Number(last) < here.length) here[Number(last)] = value;
    else return err({ reason: 'target_invalid' });
  } else if (here !== null && typeof here === 'object') here[last] = value;
  else return err({ reason: 'target_invalid' });
  return ok(root);
}

function step(here: Open, part: string): Open | undefined {
  if (Array.isArray(here)) return isIndex(part) ? here[Number(part)] : undefined;
  if (here === null || typeof here !== 'object') return undefined;
  const next = Object.hasOwn(here, part) ? here[part] : undefined;
  if (next !== undefined) return next;
  const made: { [key: string]: Open } = {};
  here[part] = made;
  return made;
}
