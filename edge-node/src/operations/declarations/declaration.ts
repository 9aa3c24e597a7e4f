// A declaration as the outline shows it, and what the readers of all languages share.

import type { Node } from 'web-tree-sitter';
import { cutText } from '../../../../core/cut-text.ts';

/** Something a file declares at its top level, or a method of such a class. */
export interface Declaration {
  /** `function`, `class`, `method`, `interface`, `type`, `enum`, `constant`, `variable`, `module`, `re-export` and the like. */
  readonly kind: string;
  /** The name as others write it; a method is `Class.method`. */
  readonly name: string;
  /** Line and column of the name, from 1. */
  readonly line: number;
  readonly column: number;
  /** The declaration without its body, on one line. */
  readonly signature: string;
  /** Whether other files can use it. */
  readonly exported: boolean;
}

/** Reads the declarations of one parsed file, in order of their lines. */
export type DeclarationReader = (root: Node, text: string) => Declaration[];

/** Longer signatures are cut: they are read by people, in a table. */
const signatureLengthMax = 200;

/** A declaration whose name is at `name` and whose signature runs from `from` to the start of `body`, or to its end. */
export function declarationAt(kind: string, name: string, at: Node, signature: string, exported: boolean): Declaration {
  const { row, column } = at.startPosition;
  return { kind, name, line: row + 1, column: column + 1, signature: oneLine(signature), exported };
}

/** A name without what it stands in: `Class.method` is `method`. */
export function plainName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** The text of a declaration up to its body. */
export function headOf(node: Node, text: string, bodyField = 'body'): string {
  const body = node.childForFieldName(bodyField);
  return text.slice(node.startIndex, body?.startIndex ?? node.endIndex);
}

/** Text on one line, without the mark that opens a body, cut to a length people read. */
export function oneLine(text: string): string {
  const line = cutText(text, 4 * signatureLengthMax)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\s*(?:\{|=>|=|:|;)$/, '');
  return line.length > signatureLengthMax ? `${cutText(line, signatureLengthMax - 1)}…` : line;
}

/** The named children of a node; none of none. */
export function childrenOf(node: Node | null): Node[] {
  return node === null ? [] : node.namedChildren;
}
