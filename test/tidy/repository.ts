// The repository as the rules of the house see it: files with their text, and what stands in a TypeScript file. A rule is
// a function from files to violations, so that each can be shown a planted one.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { parseAst } from 'vitest/node';

export interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** A node of the ESTree that the parser gives: a type and whatever belongs to it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

/** Where the repository stands on this machine. */
export const root = dirname(dirname(import.meta.dirname));
/** What is not ours, or not source. */
const SKIPPED = new Set(['node_modules', '.git', '.starling', '.wrangler', 'dist', 'fixtures']);
const TEXT = /\.(ts|tsx|mts|mjs|js|json|md|sql|toml|yml|yaml|sh|html|css|py)$|(^|\/)(\.ci\/run|\.gitignore|LICENSE)$/;

/** All text files of the repository, in order of their paths. */
export function readRepository(): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      const path = relative(root, full).split(sep).join('/');
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) visit(full);
      else if (entry.isFile() && TEXT.test(path)) files.push({ path, text: readFileSync(full, 'utf8') });
    }
  };
  visit(root);
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

export function isCode(file: SourceFile): boolean {
  return /\.(ts|tsx|mts|mjs|js)$/.test(file.path);
}

/** The first folder of a path; the path itself at the root. */
export function topFolder(path: string): string {
  const [top = path] = path.split('/', 1);
  return top;
}

const parsed = new Map<string, Node>();

/** Parses a file (TypeScript, JSX) once. */
export function parse(file: SourceFile): Node {
  const key = `${file.path}\n${file.text}`;
  let program = parsed.get(key);
  if (program === undefined) {
    const lang = file.path.endsWith('x') ? 'tsx' : 'ts';
    // ESTree by Vite's parser; `Node` above names the part that is used.
    program = parseAst(file.text, { lang }) as unknown as Node;
    parsed.set(key, program);
  }
  return program;
}

/** Calls `visit` for a node and everything under it. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit);
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The line of an offset, from 1. */
export function lineAt(file: SourceFile, offset: number): number {
  return file.text.slice(0, offset).split('\n').length;
}

/** How a violation is written: `path:line: what`. */
export function violation(file: SourceFile, node: Node | number, what: string): string {
  return `${file.path}:${lineAt(file, typeof node === 'number' ? node : node.start)}: ${what}`;
}
