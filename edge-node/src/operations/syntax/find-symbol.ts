// Finds where one symbol is declared and used. Files are added one by one and only what may matter is kept; what a name
// means is asked at the end, when all files are known.

import { cutText } from '../../../../core/cut-text.ts';
import { plainName } from '../declarations/declaration.ts';
import { type FileSymbols, positionsIn } from './file-symbols.ts';
import { type ModuleIndex, moduleIndex, type Target } from './module-index.ts';
import type { ForeignName, ModuleLinks } from './module-links.ts';
import type { Occurrence } from './occurrences.ts';

/** A place in a file, from 1, with its line of text. */
interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Where a symbol is declared. */
export interface FoundDefinition extends Place {
  readonly kind: string;
  readonly name: string;
}

/** Where a symbol is used, and how that is known. */
export interface FoundReference extends Place {
  /** `scope`: in the file that declares it. `import`: through imports that were followed. `name`: the name is the same. */
  readonly by: 'scope' | 'import' | 'name';
}

/** What a use says: a name of its file, a name of another file, a member of something, or only a name. */
type Meaning =
  | { readonly as: 'local'; readonly name: string }
  | { readonly as: 'foreign'; readonly foreign: ForeignName }
  | { readonly as: 'member' }
  | { readonly as: 'name' };

interface Use {
  readonly start: number;
  readonly meaning: Meaning;
}

/** Gathers the definitions and references of one symbol. */
export interface SymbolSearch {
  add(path: string, text: string, symbols: FileSymbols): void;
  finish(): { definitions: FoundDefinition[]; references: FoundReference[] };
}

/** Longer lines are cut around nothing: they are shown to people. */
const lineLengthMax = 160;

/** A search for `name`, or for `Owner.member`, over files whose paths are `paths`. */
export function symbolSearch(symbol: string, paths: readonly string[]): SymbolSearch {
  const index = moduleIndex(paths);
  const definitions: FoundDefinition[] = [];
  const uses: { place: Place; meaning: Meaning }[] = [];
  const dotted = symbol.includes('.');
  const name = plainName(symbol);
  return {
    add(path, text, symbols) {
      const positionOf = positionsIn(text);
      const placeOf = (start: number): Place => {
        const { line, column, lineText } = positionOf(start);
        return { file: path, line, column, text: cutText(lineText.trim(), lineLengthMax) };
      };
      if (symbols.links !== null) index.add(path, symbols.links, namesDeclared(symbols));
      const declared = new Set<string>();
      for (const declaration of symbols.declarations) {
        if (declaration.name !== symbol && (dotted || plainName(declaration.name) !== name)) continue;
        const { line, column, kind, signature } = declaration;
        declared.add(`${line}:${column}`);
        definitions.push({ file: path, line, column, text: signature, kind, name: declaration.name });
      }
      for (const occurrence of dotted ? [] : symbols.occurrences) {
        if (occurrence.role !== 'memberDeclaration' || occurrence.name !== name) continue;
        const place = placeOf(occurrence.start);
        if (!declared.has(`${place.line}:${place.column}`)) definitions.push({ ...place, kind: 'member', name });
        declared.add(`${place.line}:${place.column}`);
      }
      for (const { start, meaning } of usesOf(name, symbols)) {
        const place = placeOf(start);
        if (!declared.has(`${place.line}:${place.column}`)) uses.push({ place, meaning });
      }
    },
    finish() {
      const hasMember = definitions.some(({ kind, name: full }) => kind === 'member' || full.includes('.'));
      const references = uses.flatMap(({ place, meaning }): FoundReference[] => {
        if (meaning.as === 'member') return hasMember ? [{ ...place, by: 'name' }] : [];
        const by = dotted ? null : howMeant(place.file, meaning, name, index);
        return by === null ? [] : [{ ...place, by }];
      });
      return { definitions: inOrder(definitions), references: inOrder(references) };
    },
  };
}

function namesDeclared(symbols: FileSymbols): Set<string> {
  return new Set(symbols.declarations.map((declaration) => declaration.name));
}

/** What in a file may be a use of the name. */
function usesOf(name: string, { occurrences, links }: FileSymbols): Use[] {
  if (links === null) {
    const named = occurrences.filter((use) => use.name === name && use.role !== 'memberDeclaration');
    return named.map(({ start }) => ({ start, meaning: { as: 'name' } }));
  }
  const used = occurrences.flatMap((occurrence): Use[] => {
    const meaning = meaningIn(occurrence, name, links);
    return meaning === null ? [] : [{ start: occurrence.start, meaning }];
  });
  const mentioned = links.foreignUses
    .filter((use) => use.name === name || use.name === 'default')
    .map(
      ({ start, source, name: foreign }): Use => ({
        start,
        meaning: { as: 'foreign', foreign: { source, name: foreign } },
      }),
    );
  const exported = links.localUses
    .filter((use) => use.name === name)
    .map(({ start }): Use => ({ start, meaning: { as: 'local', name } }));
  return [...used, ...mentioned, ...exported];
}

function meaningIn(occurrence: Occurrence, name: string, links: ModuleLinks): Meaning | null {
  if (occurrence.role === 'name') {
    // Imported under another name, or as a default, it may be the symbol all the same.
    const imported = links.imports.get(occurrence.name)?.name;
    const possible = occurrence.name === name || imported === name || imported === 'default';
    return possible ? { as: 'local', name: occurrence.name } : null;
  }
  if (occurrence.role !== 'member' || occurrence.name !== name) return null;
  const object = occurrence.object === null ? undefined : links.imports.get(occurrence.object);
  return object?.name === '*' ? { as: 'foreign', foreign: { source: object.source, name } } : { as: 'member' };
}

function howMeant(path: string, meaning: Meaning, name: string, index: ModuleIndex): FoundReference['by'] | null {
  if (meaning.as === 'name') return 'name';
  if (meaning.as === 'member') return null;
  const target: Target | null =
    meaning.as === 'local' ? index.meaningOf(path, meaning.name) : index.meaningOfForeign(path, meaning.foreign);
  if (target !== null) return target.name !== name ? null : target.path === path ? 'scope' : 'import';
  // Declared nowhere and imported from nowhere: a global of that name.
  const global = meaning.as === 'local' && meaning.name === name && index.importOf(path, name) === null;
  return global ? 'name' : null;
}

function inOrder<T extends Place>(places: readonly T[]): T[] {
  return places.toSorted((a, b) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1;
    return a.line - b.line || a.column - b.column;
  });
}
