// Everything code.locate wants to know of one parsed file: what it declares, what it uses, how it is joined to others.

import type { Tree } from 'web-tree-sitter';
import type { Declaration } from '../declarations/declaration.ts';
import { declarationReaders } from '../declarations/readers.ts';
import type { Grammar } from '../source/languages.ts';
import { type ModuleLinks, moduleLinksOf } from './module-links.ts';
import { type Occurrence, occurrencesIn } from './occurrences.ts';
import { scopeRules } from './scope-rules.ts';

/** The symbols of one file. */
export interface FileSymbols {
  readonly declarations: readonly Declaration[];
  readonly occurrences: readonly Occurrence[];
  /** Null for languages whose imports are not followed. */
  readonly links: ModuleLinks | null;
}

/** Reads the symbols of a parsed file. */
export function fileSymbols(tree: Tree, text: string, grammar: Grammar): FileSymbols {
  const followed = grammar === 'typescript' || grammar === 'tsx' || grammar === 'javascript';
  const links = followed ? moduleLinksOf(tree.rootNode) : null;
  // What `require` binds is declared elsewhere, like what is imported.
  const isOwn = ({ kind, name }: Declaration) => kind !== 're-export' && links?.imports.has(name) !== true;
  const occurrences = occurrencesIn(tree, text, scopeRules[grammar]);
  return {
    declarations: declarationReaders[grammar](tree.rootNode, text).filter(isOwn),
    occurrences: grammar === 'rust' ? occurrences.map(withoutRawMark) : occurrences,
    links,
  };
}

/** Rust's `r#match` is the name `match`, and called so where it is declared. */
function withoutRawMark(occurrence: Occurrence): Occurrence {
  return occurrence.name.startsWith('r#') ? { ...occurrence, name: occurrence.name.slice(2) } : occurrence;
}

/** Lines and columns, from 1, of places in a text. */
export function positionsIn(text: string): (start: number) => { line: number; column: number; lineText: string } {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (start) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= start) low = middle;
      else high = middle - 1;
    }
    const from = starts[low] ?? 0;
    return { line: low + 1, column: start - from + 1, lineText: text.slice(from, starts[low + 1] ?? text.length) };
  };
}
