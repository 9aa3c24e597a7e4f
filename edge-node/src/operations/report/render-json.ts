// Renders any JSON value so that people can read it: scalars as text, flat rows as a table, flat objects as a list, and
// whatever is deeper as JSON.

import { cutText } from '../../../../core/cut-text.ts';
import { block, code, list, plain, table } from './markdown.ts';

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const rowsMax = 50;
const columnsMax = 8;
const jsonLengthMax = 20_000;

/** Markdown for a JSON value. */
export function renderJson(value: Json): string {
  if (value === null || typeof value !== 'object') return scalar(value);
  if (Array.isArray(value)) return renderArray(value);
  // `Array.isArray` does not rule readonly arrays out of the type.
  const entries = Object.entries(value as { readonly [key: string]: Json });
  if (entries.length === 0) return 'Nothing.';
  if (entries.every(([, part]) => isShort(part))) {
    return list(entries.map(([key, part]) => `${plain(key)}: ${scalar(part)}`));
  }
  return json(value);
}

function renderArray(values: readonly Json[]): string {
  if (values.length === 0) return 'Nothing.';
  const shown = values.slice(0, rowsMax);
  const more = values.length > rowsMax ? `\n\n${values.length - rowsMax} more.` : '';
  if (values.every(isShort)) return list(shown.map(scalar)) + more;
  if (values.every(isFlatObject)) {
    const flat = shown.filter(isFlatObject);
    const columns = [...new Set(flat.flatMap((row) => Object.keys(row)))];
    if (columns.length <= columnsMax) {
      const rows = flat.map((row) => columns.map((column) => cellOf(row[column] ?? null)));
      return table(columns.map(plain), rows) + more;
    }
  }
  return json(values);
}

function cellOf(value: Json): string | number {
  return typeof value === 'number' ? value : scalar(value);
}

function scalar(value: Json): string {
  if (typeof value === 'string') return plain(value);
  return value === null ? '–' : code(String(value));
}

function isShort(value: Json): boolean {
  return value === null || typeof value !== 'object';
}

function isFlatObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isShort);
}

function json(value: Json): string {
  const text = JSON.stringify(value, null, 2);
  const cut = text.length > jsonLengthMax ? `${cutText(text, jsonLengthMax)}\n… cut` : text;
  return block(cut, cut === text ? 'json' : '');
}
