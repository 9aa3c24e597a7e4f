// A line of the log: one JSON object, of bounded size, in which no secret stands. What looks like one goes, by the name it has
// or by its own form; what is left out is said. Where the line goes is the shells' to know.

import { cutText } from './cut-text.ts';

export const LOG_LEVELS = ['error', 'warn', 'info'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

export const REDACTED = '[redacted]';

/** One line, and one text in it: enough for a stack, too little for a body. */
export const lineCharsMax = 8_192;
export const textCharsMax = 2_000;
/** Members of one object or list, and how deep they nest. */
const membersMax = 50;
const depthMax = 5;
/** A longer text is cut before it is searched. */
const searchedCharsMax = 16_384;

/** Names whose values are secrets, with everything but letters and digits taken out. */
const SECRET_NAMES =
  /authori[sz]ation|cookie|passw|passphrase|secret|token|apikey|accesskey|privatekey|signingkey|sealkey|sealed|credential|signature|bearer/;

/** Forms of secrets: ours, those of the standards we speak, and the commonest of others. */
const SECRET_FORMS = [
  // Tokens of ours are JSON in base64url: their beginning is always the same, whatever stands before.
  /(?:sk|dvc|ent)_eyJ[\w-]*(?:\.[\w-]*)*/,
  /(?<![A-Za-z0-9])(?:sk|rk|pk|dvc|ent|ghp|gho|ghs|xox[a-z])[_-][\w-]{8,}(?:\.[\w-]*)*/,
  /wh(?:sec|sk)_[\w+/=.-]*/,
  /eyJ[\w-]{4,1000}\.[\w-]+(?:\.[\w-]*)*/,
  /(?:AKIA|ASIA)[0-9A-Z]{12,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/,
  /(?<=:\/\/)[^\s/@"']+(?=@)/,
  /(?<![A-Za-z])(?:bearer|basic)[ \t]+[^\s"',;]+/,
].map(({ source }) => new RegExp(source, 'gi'));

/**
 * What a program logs with.
 * @param setting `off`, or the least grave level that is still said; `warn` when it is none of them
 */
export function loggerOf(setting: string | undefined, write: (level: LogLevel, line: string) => void): Log {
  const said = setting === 'off' ? [] : LOG_LEVELS.slice(0, depthOf(setting) + 1);
  return (level, event, fields = {}) => {
    if (said.includes(level)) write(level, logLine(level, event, fields));
  };
}

/** `debug` says all there is, as elsewhere. */
function depthOf(setting: string | undefined): number {
  const level = setting === 'debug' ? 'info' : setting;
  // Any text may be asked for: what is none of them is not found.
  const depth = LOG_LEVELS.indexOf(level as LogLevel);
  return depth === -1 ? LOG_LEVELS.indexOf('warn') : depth;
}

/**
 * What JSON leaves as it is and a terminal or a viewer does not: DEL and the C1 controls, which begin commands, the line and
 * paragraph separators, and marks that turn the direction of what stands beside them.
 */
const UNSEEN = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** One line of JSON in which every character can be seen. */
function printed(value: object): string {
  return JSON.stringify(value).replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One JSON object, without a line break. Fields never take the place of level and event. */
export function logLine(level: LogLevel, event: string, fields: LogFields): string {
  const head = { level, event: redactText(event) };
  const safe = redactFields(fields);
  const line = printed({ ...head, ...safe, ...head });
  if (line.length <= lineCharsMax) return line;
  // What is small is likely to say where to look: ids, codes, counts.
  const small = Object.entries(safe).filter(([, value]) => printed({ value }).length <= smallCharsMax);
  return printed({ ...head, ...Object.fromEntries(small), ...head, cut: true });
}
const smallCharsMax = lineCharsMax / (2 * membersMax);

/** Fields as they may be said: JSON, bounded, without secrets. */
export function redactFields(fields: LogFields): Readonly<Record<string, unknown>> {
  return redactMembers(fields, 1);
}

/** A text without what has the form of a secret, cut to size. */
export function redactText(text: string): string {
  const found = withoutSecrets(text.slice(0, searchedCharsMax)).toWellFormed();
  return found.length > textCharsMax || text.length > searchedCharsMax ? `${cutText(found, textCharsMax)}…` : found;
}

/** Each form is looked for by itself: the end of one must not hide where another begins. */
function withoutSecrets(text: string): string {
  const ranges = SECRET_FORMS.flatMap((form) =>
    [...text.matchAll(form)].map(({ 0: found, index }) => [index, index + found.length] as const),
  ).sort(([a], [b]) => a - b);
  let safe = '';
  let from = 0;
  for (const [start, end] of ranges) {
    if (start >= from) safe += text.slice(from, start) + REDACTED;
    from = Math.max(from, end);
  }
  return safe + text.slice(from);
}

function redactMembers(object: object, depth: number): Record<string, unknown> {
  const members: [string, unknown][] = [];
  for (const [name, value] of Object.entries(object).slice(0, membersMax)) {
    const said = isSecretName(name, value) ? REDACTED : redactValue(value, depth);
    if (said !== undefined) members.push([redactText(name), said]);
  }
  return Object.fromEntries(members);
}

/** How many tokens a model took is no secret. */
function isSecretName(name: string, value: unknown): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return SECRET_NAMES.test(plain) && !(typeof value === 'number' && plain.endsWith('tokens'));
}

function redactValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return redactText(String(value));
    case 'boolean':
      return value;
    case 'object':
      return redactObject(value, depth);
    default:
      return undefined;
  }
}

function redactObject(value: object | null, depth: number): unknown {
  if (value === null) return null;
  if (value instanceof Error) return redactText(`${value.name}: ${value.message}`);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= depthMax) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, membersMax).map((item) => redactValue(item, depth + 1) ?? null);
  // Bytes may be anything; a Map or a Request says nothing by its members.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return '[object]';
  return redactMembers(value, depth + 1);
}
