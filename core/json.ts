// Canonical JSON (RFC 8785, for the JSON that Starling stores): object keys sorted by UTF-16 code units, no white space,
// numbers as ECMAScript prints them. The journal's hash is taken over this text.

import { assert } from './assert.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Deepest nesting that is accepted from outside. */
export const jsonDepthMax = 64;
/** A value that was accepted and what may stand around it on its way: a frame of facts, the body of an event. */
export const wrappedDepthMax = jsonDepthMax + 8;
/** What Starling itself puts around a value that it accepted: a command, an event's body, a description's list. */
const wrapDepthMax = 16;

/**
 * The canonical text of a JSON value. `undefined` members are left out, as JSON.stringify does.
 * @throws Defect for a number that JSON cannot say, for text that is not well-formed Unicode (RFC 8785, 3.2.2.2), or nesting
 * past what may be accepted and what is put around it
 */
export function canonical(value: unknown): string {
  return write(value, 0, false);
}

/**
 * The canonical text of what a journal may hold, or what is made of that. Journals of earlier versions hold halves of surrogate
 * pairs, hashed as the escapes that JSON.stringify writes (`\ud83d`): they keep this text for ever. What is new never has any
 * [DOOR-2].
 */
export function canonicalStored(value: unknown): string {
  return write(value, 0, true);
}

/** Whether canonical text holds half a surrogate pair: it stands there as an escape, and a whole pair does not. */
export function hasHalfPair(text: string): boolean {
  return text.includes('\\ud') && /\\ud[89a-f]/.test(text.replaceAll('\\\\', ''));
}

function write(value: unknown, depth: number, isStored: boolean): string {
  switch (typeof value) {
    case 'string':
      assert(isStored || value.isWellFormed(), 'text in JSON is well-formed Unicode');
      return JSON.stringify(value);
    case 'number':
      assert(Number.isFinite(value), 'a number in JSON is finite');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      assert(false, 'a value in JSON is data');
  }
  if (value === null) return 'null';
  assert(depth < jsonDepthMax + wrapDepthMax, 'JSON is nested within the limit');
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) text += (i > 0 ? ',' : '') + write(value[i] ?? null, depth + 1, isStored);
    return `${text}]`;
  }
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  let text = '{';
  for (const key of keys) {
    // The value is an object that is not an array: its members are read by their own keys.
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    assert(isStored || key.isWellFormed(), 'a member name in JSON is well-formed Unicode');
    text += `${(text.length > 1 ? ',' : '') + JSON.stringify(key)}:${write(member, depth + 1, isStored)}`;
  }
  return `${text}}`;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] ?? '') > (keys[i] ?? '')) return false;
  return true;
}

/** How deep a parsed JSON value nests; stops counting at `max + 1`. */
export function jsonDepth(value: unknown, max: number = jsonDepthMax): number {
  if (value === null || typeof value !== 'object') return 0;
  if (max < 0) return 1;
  let deepest = 0;
  for (const member of Object.values(value)) {
    const depth = jsonDepth(member, max - 1);
    if (depth > deepest) deepest = depth;
    if (deepest > max) break;
  }
  return deepest + 1;
}

/** True when `text` has more than `max` bytes in UTF-8. Counts them only where its length leaves a doubt. */
export function isLargerThan(text: string, max: number): boolean {
  return text.length > max || (text.length * 3 > max && Buffer.byteLength(text) > max);
}

/** True for what JSON can say, nested at most so deep. A number that is too large for one is read as infinite. */
export function isJson(value: unknown, depthMax: number = jsonDepthMax): boolean {
  return jsonDepth(value, depthMax) <= depthMax && isSayable(value);
}

/** The depth of `value` is known to be bounded. */
function isSayable(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' && Object.values(value).every(isSayable);
}

/**
 * Whether two values have the same canonical text, found without making it: what is shared costs nothing, and what differs only
 * as much as is the same before it. Of bounded depth, as what is stored is.
 */
export function isSame(a: unknown, b: unknown): boolean {
  // Minus nought is written as nought.
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((member, i) => isSame(member ?? null, b[i] ?? null));
  }
  // Objects that are not arrays: their members are read by their own keys.
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(one).filter((key) => one[key] !== undefined);
  if (keys.length !== Object.keys(other).filter((key) => other[key] !== undefined).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]));
}
