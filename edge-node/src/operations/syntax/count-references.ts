// Counts how often the top-level symbols of a folder are used in it. As in find-symbol.ts, what a name means is asked when
// all files are known; only counts are kept, not places.

import { plainName } from '../declarations/declaration.ts';
import type { FileSymbols } from './file-symbols.ts';
import { moduleIndex, type Target } from './module-index.ts';
import type { ForeignName, ModuleLinks } from './module-links.ts';
import type { Occurrence } from './occurrences.ts';

/** A symbol and how often it is used. */
export interface ReferencedSymbol {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
  readonly line: number;
  readonly references: number;
  /** How many files use it, its own included. */
  readonly files: number;
  /** `import`: imports were followed. `name`: every use of the name counts, whichever declaration it means. */
  readonly by: 'import' | 'name';
}

/** Gathers the uses of all symbols. */
export interface ReferenceCount {
  add(path: string, symbols: FileSymbols): void;
  /** The most used symbols; ties in order of file and line. Symbols that are never used are left out. */
  finish(most: number): ReferencedSymbol[];
}

interface Declared extends Target {
  readonly kind: string;
  readonly line: number;
}

type Counts = Map<string, { references: number; files: number }>;

/** A count over files whose paths are `paths`. */
export function referenceCount(paths: readonly string[]): ReferenceCount {
  const index = moduleIndex(paths);
  const declared: Declared[] = [];
  const declaredByName: Declared[] = [];
  const byName: Counts = new Map();
  const linked: { path: string; locals: Map<string, number>; foreigns: Map<string, number> }[] = [];
  return {
    add(path, { declarations, occurrences, links }) {
      const top = declarations
        .filter(({ name, kind }) => isRanked(name, kind, links === null))
        .map(({ name, kind, line }) => ({ path, name: plainName(name), kind, line }));
      if (links === null) {
        declaredByName.push(...top);
        addCounts(
          byName,
          tally(occurrences.filter(isUse), ({ name }) => name),
        );
        return;
      }
      declared.push(...top);
      const names = new Set(top.map(({ name }) => name));
      index.add(path, links, names);
      const locals = tally([...occurrences.filter((use) => use.role === 'name'), ...links.localUses], ({ name }) =>
        names.has(name) || links.imports.has(name) ? name : null,
      );
      const foreigns = tally([...links.foreignUses, ...membersOfImports(occurrences, links)], keyOf);
      linked.push({ path, locals, foreigns });
    },
    finish(most) {
      const counts: Counts = new Map();
      for (const { path, locals, foreigns } of linked) {
        const inFile = new Map<string, number>();
        const count = (target: Target | null, times: number) => {
          if (target !== null) inFile.set(targetKey(target), (inFile.get(targetKey(target)) ?? 0) + times);
        };
        for (const [name, times] of locals) count(index.meaningOf(path, name), times);
        for (const [key, times] of foreigns) count(index.meaningOfForeign(path, foreignOf(key)), times);
        addCounts(counts, inFile);
      }
      const symbols = [
        ...firstOfEach(declared, targetKey).map((symbol) => counted(symbol, counts.get(targetKey(symbol)), 'import')),
        ...firstOfEach(declaredByName, ({ name }) => name).map((symbol) =>
          counted(symbol, byName.get(symbol.name), 'name'),
        ),
      ];
      return symbols
        .filter((symbol) => symbol.references > 0)
        .sort(mostFirst)
        .slice(0, most);
    },
  };
}

/** Methods are used by members of things whose type is unknown. Where imports are not followed, nested names count by name. */
function isRanked(name: string, kind: string, byName: boolean): boolean {
  if (name === 'default' || kind === 'export' || kind === 'method') return false;
  return byName || !name.includes('.');
}

function isUse(occurrence: Occurrence): boolean {
  return occurrence.role !== 'memberDeclaration';
}

/** `all.name`, where `all` is everything another file exports. */
function membersOfImports(occurrences: readonly Occurrence[], links: ModuleLinks): ForeignName[] {
  return occurrences.flatMap(({ role, name, object }) => {
    const imported = role === 'member' && object !== null ? links.imports.get(object) : undefined;
    return imported?.name === '*' ? [{ source: imported.source, name }] : [];
  });
}

function tally<T>(items: readonly T[], keyOf: (item: T) => string | null): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function addCounts(counts: Counts, inFile: ReadonlyMap<string, number>): void {
  for (const [key, times] of inFile) {
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { references: times, files: 1 });
    else {
      known.references += times;
      known.files += 1;
    }
  }
}

// No path, source or name holds a line break that matters here: two parts make one key.
function keyOf({ source, name }: ForeignName): string {
  return `${name}\n${source}`;
}

function foreignOf(key: string): ForeignName {
  const at = key.indexOf('\n');
  return { name: key.slice(0, at), source: key.slice(at + 1) };
}

function targetKey({ path, name }: Target): string {
  return `${name}\n${path}`;
}

/** Overloads, and in other languages files that share a name, are one symbol: the first. */
function firstOfEach(symbols: readonly Declared[], keyOf: (symbol: Declared) => string): Declared[] {
  const first = new Map<string, Declared>();
  for (const symbol of symbols) if (!first.has(keyOf(symbol))) first.set(keyOf(symbol), symbol);
  return [...first.values()];
}

function counted(
  { path, name, kind, line }: Declared,
  counts: { references: number; files: number } | undefined,
  by: ReferencedSymbol['by'],
): ReferencedSymbol {
  return { name, kind, file: path, line, references: counts?.references ?? 0, files: counts?.files ?? 0, by };
}

function mostFirst(a: ReferencedSymbol, b: ReferencedSymbol): number {
  if (a.references !== b.references) return b.references - a.references;
  if (a.files !== b.files) return b.files - a.files;
  return a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1;
}
