// What the runtime tells the person who runs it: one line each, on standard error. No payloads, and no secrets: what looks like
// one is taken out.

import { redactFields, redactText } from '../../core/log-line.ts';
import { printable } from './cli/output.ts';

export const LEVELS = ['info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** Facts beside a message: ids, counts, codes. Never inputs, results, keys or credentials. */
export type LogFields = { readonly [name: string]: string | number | boolean | null };

export type Log = (level: Level, message: string, fields?: LogFields) => void;

/** Lines for people, or one JSON object a line. */
export function createLog(write: (line: string) => void, options: { json: boolean; now: () => number }): Log {
  return (level, text, fields = {}) => {
    const at = new Date(options.now()).toISOString();
    const message = redactText(text);
    const safe = redactFields(fields);
    if (options.json) return write(`${JSON.stringify({ at, level, message, ...safe })}\n`);
    const rest = Object.entries(safe).map(([name, value]) => ` ${name}=${value}`);
    // A server chooses the words of a close: none of them begins a line of its own, or does something to a terminal.
    write(`${printable(`${at} ${level === 'info' ? '' : `${level}: `}${message}${rest.join('')}`)}\n`);
  };
}
