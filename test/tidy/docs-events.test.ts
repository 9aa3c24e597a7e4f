// docs/reference/events.md names every event that a swarm can say, with its fields, and no other. The truth is the union
// types of the events.ts files, read as they stand in the source.

import { dirname, join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { codeIn, read, rowsOf, sectionsOf } from './docs-pages.ts';
import { isNode, type Node, parse, walk } from './repository.ts';

const page = read('docs/reference/events.md');

/** The node under a name in another one. The tree is the parser's: what is asked for here is there, or the source is odd. */
function under(node: Node | undefined, name: string): Node {
  const found = node?.[name];
  if (!isNode(found)) throw new Error(`there is no ${name} in a ${node?.type ?? 'node'}`);
  return found;
}

/** The list of nodes under a name. */
function listUnder(node: Node | undefined, name: string): Node[] {
  const found = node?.[name];
  return Array.isArray(found) ? found.filter(isNode) : [];
}

function named(node: unknown): string {
  return isNode(node) ? String(node.name ?? node.value) : '';
}

/** The declarations of one source file, and where the names that it imports come from. */
interface Module {
  readonly path: string;
  readonly types: ReadonlyMap<string, Node>;
  readonly imports: ReadonlyMap<string, string>;
}

function moduleAt(path: string): Module {
  const types = new Map<string, Node>();
  const imports = new Map<string, string>();
  walk(parse({ path, text: read(path) }), (node) => {
    if (/^TS(TypeAlias|Interface)Declaration$/.test(node.type)) types.set(named(node.id), node);
    if (node.type !== 'ImportDeclaration') return;
    const source = named(node.source);
    if (!source.startsWith('.')) return;
    for (const specifier of listUnder(node, 'specifiers'))
      imports.set(named(specifier.local), join(dirname(path), source));
  });
  return { path, types, imports };
}

/** The members of an object type by name, optional ones with `?`: of a literal, an intersection, an interface, an Omit. */
function membersOf(type: Node, module: Module): string[] {
  switch (type.type) {
    case 'TSTypeLiteral':
      return listUnder(type, 'members').map(memberName);
    case 'TSIntersectionType':
      return listUnder(type, 'types').flatMap((part) => membersOf(part, module));
    case 'TSTypeReference':
      if (named(type.typeName) === 'Omit') return membersOfOmit(type, module);
      return membersOfName(named(type.typeName), module);
    default:
      throw new Error(`${module.path}: a body of type ${type.type} is not understood here`);
  }
}

function memberName(member: Node): string {
  return `${named(member.key)}${member.optional === true ? '?' : ''}`;
}

function membersOfOmit(type: Node, module: Module): string[] {
  const [from, without] = listUnder(under(type, 'typeArguments'), 'params');
  if (from === undefined || without === undefined) throw new Error(`${module.path}: Omit takes two types`);
  const names = without.type === 'TSUnionType' ? listUnder(without, 'types') : [without];
  const omitted = new Set(names.map((literal) => named(under(literal, 'literal'))));
  return membersOf(from, module).filter((member) => !omitted.has(member.replace('?', '')));
}

/** The members of a type that is declared in this file, or in the one that it is imported from. */
function membersOfName(name: string, module: Module): string[] {
  const declared = module.types.get(name);
  if (declared === undefined) {
    const path = module.imports.get(name);
    if (path === undefined) throw new Error(`${module.path}: ${name} is not declared`);
    return membersOfName(name, moduleAt(path));
  }
  if (declared.type === 'TSTypeAliasDeclaration') return membersOf(under(declared, 'typeAnnotation'), module);
  const inherited = listUnder(declared, 'extends').flatMap((parent) => membersOfName(named(parent.expression), module));
  return [...inherited, ...listUnder(under(declared, 'body'), 'body').map(memberName)];
}

/** Every event of a union type in one file: its type and the members of its body. */
function eventsOf(path: string): Map<string, string[]> {
  const module = moduleAt(path);
  const events = new Map<string, string[]>();
  for (const [name, declared] of module.types) {
    if (!name.endsWith('Event') || declared.type !== 'TSTypeAliasDeclaration') continue;
    for (const option of listUnder(under(declared, 'typeAnnotation'), 'types')) {
      if (option.type !== 'TSTypeLiteral') continue;
      const members = new Map(listUnder(option, 'members').map((member) => [named(member.key), typeOf(member)]));
      const body = members.get('body');
      const type = named(under(members.get('type'), 'literal'));
      if (body === undefined) throw new Error(`${path}: ${type} has no body`);
      events.set(type, membersOf(body, module).toSorted());
    }
  }
  return events;
}

function typeOf(member: Node): Node {
  return under(under(member, 'typeAnnotation'), 'typeAnnotation');
}

/** The files whose events make up SwarmEvent: those that core/swarm/events.ts imports, and itself. */
function eventFiles(): string[] {
  const own = 'core/swarm/events.ts';
  const imported = [...moduleAt(own).imports].filter(([name]) => name.endsWith('Event')).map(([, path]) => path);
  return [own, ...imported];
}

const inCode = new Map(eventFiles().flatMap((path) => [...eventsOf(path)]));

describe('the page of the events', () => {
  it('names every event with its fields, and no other', () => {
    const rows = [...sectionsOf(page)]
      .filter(([heading]) => heading.startsWith('### '))
      .flatMap(([, text]) => rowsOf(text));
    const written = rows.map(([type, fields]) => [codeIn(type)[0] ?? '', codeIn(fields).toSorted()] as const);
    expect(written.length).toBeGreaterThan(40);
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(inCode));
    expect(written.length).toBe(inCode.size);
  });

  it('knows as many events as the rows that they touch are decided for', () => {
    const cases = [...read('core/swarm/evolve.ts').matchAll(/^ {4}case '([a-z_]+\.[a-z_]+)':/gm)].map(
      ([, type]) => type,
    );
    expect(new Set(cases)).toEqual(new Set(inCode.keys()));
  });

  it('names the version that new events are written with', () => {
    const version = read('core/journal/event.ts').match(/EVENT_VERSION = (\d+)/)?.[1];
    expect(page).toContain(`\`schemaversion\` is \`${version}\``);
  });

  it('names every member around the body', () => {
    const members = membersOfName('CloudEvent', moduleAt('core/journal/cloud-event.ts'));
    const written = rowsOf(sectionsOf(page).get('## What surrounds every event') ?? '').map(
      ([name]) => codeIn(name)[0],
    );
    expect(written).toEqual(members);
  });
});
