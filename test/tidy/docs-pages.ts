// Pages of docs/ as the tests of them see them: sections by heading, tables by column, blocks of code by language.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './repository.ts';

/** The text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** A page's sections: from each heading (`## Tables`) to the next one of any level. */
export function sectionsOf(page: string): Map<string, string> {
  const text = page.replace(/^(```|~~~)[\s\S]*?^\1/gm, (code) => code.replace(/^#/gm, '\u0000'));
  return new Map(
    text
      .split(/^(?=#{1,4} )/m)
      .map((part) => part.replaceAll('\u0000', '#'))
      .map((part) => [part.slice(0, part.indexOf('\n')).trim(), part.slice(part.indexOf('\n') + 1)] as const),
  );
}

/** The rows of all tables in a text, without their heads. A `\|` is no border. */
export function rowsOf(text: string): string[][] {
  const rows: string[][] = [];
  let inBody = false;
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) inBody = false;
    else if (/^\|[\s:|-]+\|$/.test(line)) inBody = true;
    else if (inBody) rows.push(cellsOf(line));
  }
  return rows;
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** The rows of one section's tables. Throws when the page has no such section, or no row in it. */
export function table(page: string, heading: string): string[][] {
  const section = sectionsOf(page).get(heading);
  if (section === undefined) throw new Error(`the page has no section "${heading}"`);
  const rows = rowsOf(section);
  if (rows.length === 0) throw new Error(`the section "${heading}" has no table`);
  return rows;
}

/** What stands in back-ticks in a text, in order; fenced blocks aside. */
export function codeIn(text: string | undefined): string[] {
  return [...(text ?? '').replace(FENCED, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

const FENCED = /^```[^\n]*\n[\s\S]*?^```$/gm;

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language: language.trim(),
    text,
  }));
}
