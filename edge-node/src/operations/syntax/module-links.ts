// Reads how a TypeScript or JavaScript file is joined to others: imports, exports and re-exports, of ES modules and in
// the usual forms of CommonJS. Only the top level is read.

import type { Node } from 'web-tree-sitter';

/** A name of another file: `*` is all of it, `default` its default export. */
export interface ForeignName {
  readonly source: string;
  readonly name: string;
}

/** A name of another file where an import or re-export mentions it. */
export interface LinkUse extends ForeignName {
  readonly start: number;
}

/** How one file is joined to others. */
export interface ModuleLinks {
  /** By the name they have in this file. */
  readonly imports: Map<string, ForeignName>;
  /** By the name they have for others: a name of this file, or one passed on. */
  readonly exports: Map<string, { readonly local: string } | ForeignName>;
  /** Files all of whose exports are passed on. */
  readonly stars: string[];
  readonly foreignUses: LinkUse[];
  /** Names of this file that an export clause mentions. */
  readonly localUses: { readonly name: string; readonly start: number }[];
}

/** The links of a parsed file. */
export function moduleLinksOf(root: Node): ModuleLinks {
  const links: ModuleLinks = { imports: new Map(), exports: new Map(), stars: [], foreignUses: [], localUses: [] };
  for (const statement of root.namedChildren) {
    if (statement.type === 'import_statement') readImport(statement, links);
    else if (statement.type === 'export_statement') readExport(statement, links);
    else if (statement.type === 'expression_statement') readCommonExport(statement, links);
    else if (statement.type.endsWith('_declaration')) readRequires(statement, links);
  }
  return links;
}

function sourceOf(statement: Node): string | null {
  const source = statement.childForFieldName('source');
  return source === null ? null : stringOf(source);
}

function stringOf(node: Node): string | null {
  return node.type === 'string' ? node.text.slice(1, -1) : null;
}

function readImport(statement: Node, links: ModuleLinks): void {
  const source = sourceOf(statement);
  const clause = statement.namedChildren.find((child) => child.type === 'import_clause');
  if (source === null || clause === undefined) return;
  for (const part of clause.namedChildren) {
    if (part.type === 'identifier') {
      links.imports.set(part.text, { source, name: 'default' });
      links.foreignUses.push({ source, name: 'default', start: part.startIndex });
    } else if (part.type === 'namespace_import') {
      links.imports.set(part.namedChild(0)?.text ?? '', { source, name: '*' });
    } else if (part.type === 'named_imports') {
      for (const specifier of part.namedChildren) {
        const name = specifier.childForFieldName('name');
        if (name === null) continue;
        links.imports.set((specifier.childForFieldName('alias') ?? name).text, { source, name: name.text });
        links.foreignUses.push({ source, name: name.text, start: name.startIndex });
      }
    }
  }
}

function readExport(statement: Node, links: ModuleLinks): void {
  const source = sourceOf(statement);
  const clause = statement.namedChildren.find((child) => child.type === 'export_clause');
  if (clause !== undefined) {
    for (const specifier of clause.namedChildren) readSpecifier(specifier, source, links);
    return;
  }
  if (source !== null) {
    const namespace = statement.namedChildren.find((child) => child.type === 'namespace_export');
    if (namespace === undefined) links.stars.push(source);
    else links.exports.set(namespace.namedChild(0)?.text ?? '', { source, name: '*' });
    return;
  }
  const isDefault = statement.children.some((child) => child.type === 'default' || child.type === '=');
  const declaration = statement.childForFieldName('declaration');
  const value = statement.childForFieldName('value') ?? (declaration === null ? statement.namedChild(0) : null);
  const names = declaration === null ? [] : declaredNames(declaration);
  if (isDefault) {
    const local = names[0] ?? (value?.type === 'identifier' ? value.text : value?.childForFieldName('name')?.text);
    links.exports.set('default', { local: local ?? 'default' });
  } else for (const name of names) links.exports.set(name, { local: name });
}

function readSpecifier(specifier: Node, source: string | null, links: ModuleLinks): void {
  const name = specifier.childForFieldName('name');
  if (name === null) return;
  const exported = (specifier.childForFieldName('alias') ?? name).text;
  const start = name.startIndex;
  if (source === null) {
    links.exports.set(exported, { local: name.text });
    links.localUses.push({ name: name.text, start });
  } else {
    links.exports.set(exported, { source, name: name.text });
    links.foreignUses.push({ source, name: name.text, start });
  }
}

function declaredNames(declaration: Node): string[] {
  if (declaration.type === 'ambient_declaration') return declaration.namedChildren.flatMap(declaredNames);
  const name = declaration.childForFieldName('name');
  if (name !== null) return [name.text];
  const patterns = declaration.namedChildren.map((declarator) => declarator.childForFieldName('name'));
  return patterns.flatMap((pattern) => {
    if (pattern === null) return [];
    if (pattern.type === 'identifier') return [pattern.text];
    const bound = pattern.descendantsOfType(['identifier', 'shorthand_property_identifier_pattern']);
    return bound.map((node) => node.text);
  });
}

/** `const name = require('…')` and `const { a, b: c } = require('…')`. */
function readRequires(statement: Node, links: ModuleLinks): void {
  for (const declarator of statement.namedChildren) {
    const target = declarator.childForFieldName('name');
    const call = declarator.childForFieldName('value');
    if (target === null || call?.type !== 'call_expression') continue;
    const argument = call.childForFieldName('arguments')?.namedChild(0);
    const source =
      call.childForFieldName('function')?.text === 'require' && argument != null ? stringOf(argument) : null;
    if (source === null) continue;
    if (target.type === 'identifier') links.imports.set(target.text, { source, name: '*' });
    for (const part of target.type === 'object_pattern' ? target.namedChildren : []) {
      const key = part.childForFieldName('key') ?? part;
      const local = part.childForFieldName('value') ?? part;
      links.imports.set(local.text, { source, name: key.text });
      links.foreignUses.push({ source, name: key.text, start: key.startIndex });
    }
  }
}

/** `exports.name = local`, `module.exports = local` and `module.exports = { a, b: local }`. */
function readCommonExport(statement: Node, links: ModuleLinks): void {
  const assignment = statement.namedChild(0);
  if (assignment?.type !== 'assignment_expression') return;
  const target = assignment.childForFieldName('left')?.text ?? '';
  const value = assignment.childForFieldName('right');
  const named = /^(?:module\.)?exports\.([\w$]+)$/.exec(target)?.[1];
  if (named !== undefined) links.exports.set(named, { local: value?.type === 'identifier' ? value.text : named });
  if (target !== 'module.exports' || value === null) return;
  if (value.type === 'identifier') links.exports.set('default', { local: value.text });
  for (const part of value.type === 'object' ? value.namedChildren : []) {
    const key = part.childForFieldName('key') ?? part;
    const local = part.childForFieldName('value') ?? part;
    if (local.type.endsWith('identifier')) links.exports.set(key.text, { local: local.text });
  }
}
