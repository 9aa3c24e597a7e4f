// Finds the names a parsed file uses, those left out that are bound in a function, block or other inner scope. It walks
// the tree once with a cursor: nodes as objects would cost ten times the memory.

import type { Language, Tree, TreeCursor } from 'web-tree-sitter';
import type { ScopeRules } from './scope-rules.ts';

/** A name used, or a member declared, in a file. */
export interface Occurrence {
  readonly name: string;
  /** Where it starts in the text, in UTF-16 units. */
  readonly start: number;
  /** `name` stands alone; `member` follows a dot or is a key; `memberDeclaration` declares a member. */
  readonly role: 'name' | 'member' | 'memberDeclaration';
  /** For a member behind a plain name, that name. */
  readonly object: string | null;
}

interface Scope {
  readonly outer: Scope | null;
  readonly holdsMembers: boolean;
  readonly names: Set<string>;
}

/** An open node on the way from the root to the cursor. */
interface Level {
  readonly type: number;
  readonly pattern: boolean;
  readonly scope: Scope;
  /** What stood in the object's place of a dotted node: a name, something else (''), or nothing yet (null). */
  object: string | null;
}

/**
 * The names used in a file that are not bound in an inner scope, in order. Where a name is bound at the top level is not
 * a use of it.
 */
export function occurrencesIn(tree: Tree, text: string, rules: ScopeRules): Occurrence[] {
  const compiled = compiledFor(tree.language, rules);
  const uses: { occurrence: Occurrence; scope: Scope }[] = [];
  const cursor = tree.walk();
  const file: Scope = { outer: null, holdsMembers: false, names: new Set() };
  const levels: Level[] = [{ type: cursor.nodeTypeId, pattern: false, scope: file, object: null }];
  let more = cursor.gotoFirstChild();
  while (more) {
    const parent = levels[levels.length - 1] as Level; // The root's level is never taken off.
    const type = cursor.nodeTypeId;
    const marks = compiled.marks[type] ?? 0;
    const place = placeOf(parent.type, cursor.currentFieldId);
    const pattern = compiled.binders.has(place) || (parent.pattern && compiled.patterns.has(place));
    if ((marks & (isName | isMember)) !== 0) {
      const start = cursor.startIndex;
      const name = text.slice(start, cursor.endIndex);
      const occurrence = (role: Occurrence['role'], object: string | null = null) =>
        uses.push({ occurrence: { name, start, role, object }, scope: parent.scope });
      if (compiled.memberDeclarations.has(place)) occurrence('memberDeclaration');
      else if ((marks & isMember) !== 0 || (parent.object !== null && compiled.afterDot.has(place))) {
        occurrence('member', parent.object || null);
      } else if (pattern) bind(name, compiled.namedOutside.has(place) ? parent.scope.outer : parent.scope);
      else if (!compiled.labels.has(place)) occurrence('name');
      if (compiled.objects.has(place)) parent.object = name;
    } else if (compiled.objects.has(place)) parent.object = '';
    if ((marks & isIgnored) === 0 && cursor.gotoFirstChild()) {
      levels.push({ type, pattern, scope: scopeFor(marks, parent.scope), object: null });
    } else more = advance(cursor, levels);
  }
  cursor.delete();
  return uses.flatMap(({ occurrence, scope }) => seenFromFile(occurrence, scope));
}

/** Goes to the next node that is not inside this one; false at the end of the tree. */
function advance(cursor: TreeCursor, levels: Level[]): boolean {
  while (!cursor.gotoNextSibling()) {
    if (levels.length === 1 || !cursor.gotoParent()) return false;
    levels.pop();
  }
  return true;
}

function scopeFor(marks: number, outer: Scope): Scope {
  if ((marks & opensScope) === 0) return outer;
  return { outer, holdsMembers: (marks & opensMemberScope) !== 0, names: new Set() };
}

function bind(name: string, scope: Scope | null): void {
  if (scope !== null && !scope.holdsMembers) scope.names.add(name);
}

/** The occurrence as the file's top level sees it: a name bound inside is none, a member of such a name has no object. */
function seenFromFile(occurrence: Occurrence, scope: Scope): Occurrence[] {
  const name = occurrence.role === 'name' ? occurrence.name : occurrence.object;
  if (name === null || !isBoundInside(name, scope)) return [occurrence];
  return occurrence.role === 'name' ? [] : [{ ...occurrence, object: null }];
}

/** Whether a name is bound between a scope and the top level of the file. */
function isBoundInside(name: string, scope: Scope): boolean {
  for (let at = scope; at.outer !== null; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

// What a node type is, as bits: the walk looks at every node of a file, so this must be cheap.
const isName = 1;
const isMember = 2;
const opensScope = 4;
const opensMemberScope = 8;
const isIgnored = 16;

/** More fields than any grammar has, so that a node type and a field make one number. */
const fieldsMax = 1024;

function placeOf(type: number, field: number): number {
  return type * fieldsMax + field;
}

interface CompiledRules {
  readonly marks: Uint8Array;
  readonly binders: ReadonlySet<number>;
  readonly patterns: ReadonlySet<number>;
  readonly namedOutside: ReadonlySet<number>;
  readonly memberDeclarations: ReadonlySet<number>;
  readonly objects: ReadonlySet<number>;
  readonly afterDot: ReadonlySet<number>;
  readonly labels: ReadonlySet<number>;
}

const compiledByLanguage = new WeakMap<Language, CompiledRules>();

function compiledFor(language: Language, rules: ScopeRules): CompiledRules {
  let compiled = compiledByLanguage.get(language);
  if (compiled === undefined) {
    compiled = compile(language, rules);
    compiledByLanguage.set(language, compiled);
  }
  return compiled;
}

function compile(language: Language, rules: ScopeRules): CompiledRules {
  const named = language.types.map((name, type) => (language.nodeTypeIsNamed(type) ? name : ''));
  const marks = Uint8Array.from(named, (name) => {
    const scope = (rules.scopes.has(name) ? opensScope : 0) | (rules.memberScopes.has(name) ? opensMemberScope : 0);
    const use = (rules.names.has(name) ? isName : 0) | (rules.members.has(name) ? isMember : 0);
    return scope | use | (rules.ignored.has(name) ? isIgnored : 0);
  });
  // A name of the tables that the grammar of one dialect does not have is no mistake: it gives no place.
  const places = (node: string, field: string): number[] => {
    const fields =
      field === '*'
        ? [0, ...language.fields.keys()].filter((id) => language.fields[id] !== 'type')
        : [field === '' ? 0 : (language.fieldIdForName(field) ?? -1)].filter((id) => id >= 0);
    const types = [...named.keys()].filter((type) => named[type] === node);
    return types.flatMap((type) => fields.map((id) => placeOf(type, id)));
  };
  const all = (entries: Iterable<string>, part = 1) => {
    return new Set([...entries].flatMap((entry) => places(entry.split('.')[0] ?? '', entry.split('.')[part] ?? '')));
  };
  return {
    marks,
    binders: all(rules.binders),
    patterns: all(rules.patterns),
    namedOutside: all([...rules.namedOutside].map((node) => `${node}.name`)),
    memberDeclarations: all(rules.memberDeclarations),
    objects: all(rules.dotted, 1),
    afterDot: all(rules.dotted, 2),
    labels: all(rules.labels),
  };
}
