// What of a JSON value or a JSON text may not enter a journal: the one check of every door [DOOR-1]. A journal says what was
// sent, so what it could not say again, in the same digits and the same characters, is refused here (I-JSON, RFC 7493).

import { cutText } from './cut-text.ts';
import { type Json, jsonDepthMax, wrappedDepthMax } from './json.ts';

/** One thing that may not enter, and where it stands. */
export interface Unfit {
  readonly what: 'text' | 'name' | 'depth' | 'number' | 'member';
  readonly path: readonly (string | number)[];
  /** What was expected there. It never repeats what was sent. */
  readonly message: string;
  /** Of a number that is finite: how it is written. */
  readonly literal?: string;
}

/** Told of each unfit thing; `true` ends the search. */
type Found = (unfit: Unfit) => boolean;

/**
 * The first thing that may not enter, or null: nesting past the limit, text with half a surrogate pair, a member named
 * `__proto__`, which copying would lose; with the text that the value was parsed from also a member that stands twice, and a
 * number that is not kept as it was written.
 */
export function findUnfit(value: Json, text: string | null = null, depthMax: number = jsonDepthMax): Unfit | null {
  let first: Unfit | null = null;
  eachUnfit(value, text, { depthMax }, (unfit) => {
    first = unfit;
    return true;
  });
  return first;
}

/** Tells of every such thing; of what is deeper than the limit only that it is. */
export function eachUnfit(
  value: Json,
  text: string | null,
  { depthMax }: { readonly depthMax: number },
  found: Found,
): void {
  const search: Search = { path: [], depthMax, found };
  const members = inspect(value, search);
  if (members < 0 || text === null) return;
  // Nearly every text passes here: as many members as were written, and no number that is long.
  const written = scan(text);
  if (written.members !== members || written.hasLongNumber) readWhole(text, search);
}

/**
 * Whether an object in the text names a member twice (RFC 7493, 2.3). For what is read and not stored: an event's data may be
 * nested as deeply as data may be, and an event and a proof stand around it.
 */
export function hasRepeatedMember(value: Json, text: string): boolean {
  let found = false;
  eachUnfit(value, text, { depthMax: 2 * wrappedDepthMax }, ({ what }) => {
    found = what === 'member';
    return found;
  });
  return found;
}

interface Search {
  /** Where we are. */
  readonly path: (string | number)[];
  readonly depthMax: number;
  readonly found: Found;
}

/** Text of a JSON Pointer (RFC 6901). A name that is not well formed is not repeated, and a long one is cut. */
export function pointerOf(path: Unfit['path']): string {
  return path.map((part) => `/${escapePointer(String(part))}`).join('');
}

/** One part of it. */
export function escapePointer(part: string): string {
  return cutText(part.isWellFormed() ? part : '?', 200)
    .replaceAll('~', '~0')
    .replaceAll('/', '~1');
}

/** Looks at a parsed value. How many members it has, in all objects; -1 when the search was ended. */
function inspect(value: Json, search: Search): number {
  const { path, depthMax } = search;
  if (value === null || typeof value === 'boolean') return 0;
  if (typeof value === 'string') return value.isWellFormed() ? 0 : tell('text', WELL_FORMED, search);
  if (typeof value === 'number') return Number.isFinite(value) ? 0 : tell('number', NUMBER, search);
  if (path.length >= depthMax) return tell('depth', `nested deeper than ${depthMax}`, search);
  let members = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      path.push(i);
      const inside = inspect(value[i] ?? null, search);
      path.pop();
      if (inside < 0) return -1;
      members += inside;
    }
    return members;
  }
  // An object that is no array: its members are read by their own keys.
  const object = value as { readonly [key: string]: Json };
  for (const key of Object.keys(object)) {
    path.push(key);
    const isName = key !== '__proto__' && key.isWellFormed();
    // A search that goes on behind such a name has not seen what stands under it.
    const told = isName ? 0 : tell('name', 'expected another member name', search);
    const inside = told < 0 ? -1 : inspect(object[key] ?? null, search);
    path.pop();
    if (inside < 0) return -1;
    members += 1 + inside;
  }
  return members;
}

const WELL_FORMED = 'expected well-formed Unicode';
const NUMBER = 'expected a number that a double keeps as it is written; send it as text';

function tell(what: Unfit['what'], message: string, { path, found }: Search): 0 | -1 {
  return found({ what, path: [...path], message }) ? -1 : 0;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** One quick look at a text that is JSON: how many members are written in it, and whether a number could be too long. */
function scan(text: string): { readonly members: number; readonly hasLongNumber: boolean } {
  let members = 0;
  let digits = 0;
  let hasLongNumber = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) i = endOfString(text, i);
    else if ((unit >= 0x30 && unit <= 0x39) || unit === 0x2e) {
      if (++digits >= digitsLong) hasLongNumber = true;
      continue;
    } else if (unit === 0x3a) members++;
    // An exponent: the letter stands right behind a digit.
    else if (digits > 0 && (unit | 0x20) === 0x65) hasLongNumber = true;
    digits = 0;
  }
  return { members, hasLongNumber };
}

/** Any decimal of at most 15 digits is kept by a double. */
const digitsLong = 16;

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let back = end - 1;
    while (text.charCodeAt(back) === BACKSLASH) back--;
    if ((end - back) % 2 === 1) return end;
  }
}

/** An object or array that is open: its members so far (null in an array), and where in it we are. */
interface Open {
  readonly names: Set<string> | null;
  at: string | number;
  isNameNext: boolean;
}

/** Reads a text that is JSON member by member, for what its value does not show any more. */
function readWhole(text: string, { depthMax, found }: Search): void {
  const open: Open[] = [];
  const told = (unfit: Omit<Unfit, 'path'>) => {
    // What is deeper was told of as such.
    if (open.length > depthMax) return false;
    return found({ path: open.map(({ at }) => at), ...unfit });
  };
  for (let i = 0; i < text.length; i++) {
    const top = open.at(-1);
    const char = text[i];
    if (char === '{') open.push({ names: new Set(), at: '', isNameNext: true });
    else if (char === '[') open.push({ names: null, at: 0, isNameNext: false });
    else if (char === '}' || char === ']') open.pop();
    else if (char === ',' && top) {
      if (typeof top.at === 'number') top.at++;
      else top.isNameNext = true;
    } else if (char === '"') {
      const end = endOfString(text, i);
      if (top?.names && top.isNameNext) {
        top.at = JSON.parse(text.slice(i, end + 1)) as string; // a string of the text
        top.isNameNext = false;
        if (top.names.has(top.at) && told({ what: 'member', message: 'expected once' })) return;
        top.names.add(top.at);
      }
      i = end;
    } else if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) {
      const start = i;
      while (NUMBER_UNITS.includes(text[i + 1] ?? ' ')) i++;
      const literal = text.slice(start, i + 1);
      if (!isKept(literal) && told({ what: 'number', message: NUMBER, literal })) return;
    }
  }
}
const NUMBER_UNITS = '0123456789.eE+-';

/** Whether a number of JSON is the number that will be printed for it. */
function isKept(literal: string): boolean {
  if (literal.length < digitsLong && !/e/i.test(literal)) return true;
  // As few digits within the range of a double are kept too.
  if (literal.length < digitsLong && /[eE][+-]?\d{1,2}$/.test(literal)) return true;
  const value = Number(literal);
  return Number.isFinite(value) && decimalOf(literal) === decimalOf(String(value));
}

/** The one spelling of a decimal: its digits without noughts at either end, and the power of ten of the last one. */
function decimalOf(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  let from = 0;
  let to = digits.length;
  while (digits[from] === '0') from++;
  while (to > from && digits[to - 1] === '0') to--;
  if (from === to) return '0';
  const sign = literal.startsWith('-') ? '-' : '';
  return `${sign}${digits.slice(from, to)}e${Number(exponent) - fraction.length + digits.length - to}`;
}
