// docs/reference/events.md names every event that a swarm can say, with its fields, and no other. The truth is the union
// types of the events.ts files, read as they stand in the source.

import { dirname, join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { codeIn, read, rowsOf, sectionsOf } from './docs-pages.ts';
import { isNode, type Node, parse, walk } from './repository.ts';

const page = read('docs/reference/events.md');

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
    if (node.type === 'TSTypeAliasDeclaration' || node.type === 'TSInterfaceDeclaration') types.set(named(node.id), node);
    if (node.type !== 'ImportDeclaration') return;
    const source = String((node.source as Node).value);
    for (const specifier of node.specifiers as Node[]) {
      if (source.startsWith('.')) imports.set(named(specifier.local), join(dirname(path), source));
    }
  });
  return { path, types, imports };
}

function named(node: unknown): string {
  return isNode(node) ? String(node.name ?? node.value) : '';
}

/** The members of an object type by name, optional ones with `?`: of a literal, an intersection, an interface, an Omit. */
function membersOf(type: Node, module: Module): string[] {
  switch (type.type) {
    case 'TSTypeLiteral':
      return (type.members as Node[]).map(memberName);
    case 'TSIntersectionType':
      return (type.types as Node[]).flatMap((part) => membersOf(part, module));
    case 'TSTypeReference':
      return membersOfReference(type, module);
    default:
      throw new Error(`${module.path}: a body of type ${type.type} is not understood here`);
  }
}

function memberName(member: Node): string {
  return `${named(member.key)}${member.optional === true ? '?' : ''}`;
}

function membersOfReference(type: Node, module: Module): string[] {
  const name = named(type.typeName);
  if (name === 'Omit') {
    const [from, without] = (type.typeArguments as Node).params as [Node, Node];
    const names = without.type === 'TSUnionType' ? (without.types as Node[]) : [without];
    const omitted = new Set(names.map((literal) => String((literal.literal as Node).value)));
    return membersOf(from, module).filter((member) => !omitted.has(member.replace('?', '')));
  }
  const declared = module.types.get(name);
  if (declared === undefined) {
    const path = module.imports.get(name);
    if (path === undefined) throw new Error(`${module.path}: ${name} is not declared`);
    return membersOfReference(type, moduleAt(path));
  }
  if (declared.type === 'TSTypeAliasDeclaration') return membersOf(declared.typeAnnotation as Node, module);
  const inherited = (declared.extends as Node[]).flatMap((parent) => {
    const parentName = named(parent.expression);
    return membersOfReference({ ...parent, type: 'TSTypeReference', typeName: { name: parentName, type: 'Identifier' } } as unknown as Node, module);
  });
  return [...inherited, ...((declared.body as Node).body as Node[]).map(memberName)];
}

/** Every event of a union type in one file: its type and the members of its body. */
function eventsOf(path: string): Map<string, string[]> {
  const module = moduleAt(path);
  const events = new Map<string, string[]>();
  for (const [name, declared] of module.types) {
    if (!name.endsWith('Event') || declared.type !== 'TSTypeAliasDeclaration') continue;
    const union = declared.typeAnnotation as Node;
    for (const option of union.type === 'TSUnionType' ? (union.types as Node[]) : []) {
      if (option.type !== 'TSTypeLiteral') continue;
      const members = new Map((option.members as Node[]).map((member) => [named(member.key), typeOf(member)]));
      const type = String((members.get('type')?.literal as Node).value);
      const body = members.get('body');
      if (body === undefined) throw new Error(`${path}: ${type} has no body`);
      events.set(type, membersOf(body, module).toSorted());
    }
  }
  return events;
}

function typeOf(member: Node): Node {
  return (member.typeAnnotation as Node).typeAnnotation as Node;
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
    const rows = [...sectionsOf(page)].filter(([heading]) => heading.startsWith('### ')).flatMap(([, text]) => rowsOf(text));
    const written = rows.map(([type, fields]) => [codeIn(type)[0] ?? '', codeIn(fields).toSorted()] as const);
    expect(written.length).toBeGreaterThan(40);
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(inCode));
    expect(written.length).toBe(inCode.size);
  });

  it('knows as many events as the rows that they touch are decided for', () => {
    const cases = [...read('core/swarm/evolve.ts').matchAll(/^ {4}case '([a-z_]+\.[a-z_]+)':/gm)].map(([, type]) => type);
    expect(new Set(cases)).toEqual(new Set(inCode.keys()));
  });

  it('names the version that new events are written with', () => {
    const version = read('core/journal/event.ts').match(/EVENT_VERSION = (\d+)/)?.[1];
    expect(page).toContain(`\`schemaversion\` is \`${version}\``);
  });

  it('names every member around the body', () => {
    const event = moduleAt('core/journal/cloud-event.ts').types.get('CloudEvent');
    const members = ((event?.body as Node).body as Node[]).map((member) => memberName(member));
    const written = rowsOf(sectionsOf(page).get('## What surrounds every event') ?? '').map(([name]) => codeIn(name)[0]);
    expect(written).toEqual(members);
  });
});

