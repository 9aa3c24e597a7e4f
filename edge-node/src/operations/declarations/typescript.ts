// Declarations of TypeScript and JavaScript: ES modules, and the usual forms of CommonJS.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const kinds: Readonly<Record<string, string>> = {
  function_declaration: 'function',
  generator_function_declaration: 'function',
  function_signature: 'function',
  class_declaration: 'class',
  abstract_class_declaration: 'class',
  class: 'class',
  interface_declaration: 'interface',
  type_alias_declaration: 'type',
  enum_declaration: 'enum',
  internal_module: 'namespace',
  module: 'module',
};

/** The top-level declarations of a TypeScript or JavaScript file, methods of its classes and re-exports included. */
export function typescriptDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  const exportedLater = new Map<string, string>();
  for (const statement of childrenOf(root)) {
    if (statement.type === 'export_statement') readExport(statement, text, found, exportedLater);
    else if (statement.type === 'expression_statement') readExpression(statement, text, found, exportedLater);
    else if (OPEN.has(statement.type)) readInside(statement, text, found, exportedLater);
    else readDeclaration(statement, text, false, found);
  }
  // `export { a as b }` and `module.exports = { a }` make a declaration of this file known, under a name of their own.
  return found.map((declaration) => {
    const base = declaration.name.split('.', 1)[0] ?? '';
    return declaration.exported || !exportedLater.has(base) ? declaration : { ...declaration, exported: true };
  });
}

/** Statements that open no scope for `var`, and in which a CommonJS module may export. */
const OPEN = new Set(
  `if_statement else_clause try_statement catch_clause finally_clause statement_block for_statement for_in_statement
   while_statement do_statement switch_statement switch_body switch_case switch_default labeled_statement`.split(/\s+/),
);

function readInside(statement: Node, text: string, found: Declaration[], later: Map<string, string>): void {
  for (const child of childrenOf(statement)) {
    if (OPEN.has(child.type)) readInside(child, text, found, later);
    else if (child.type === 'variable_declaration') readDeclaration(child, text, false, found);
    else if (child.type === 'expression_statement') readExpression(child, text, found, later);
  }
}

function readExport(statement: Node, text: string, found: Declaration[], later: Map<string, string>): void {
  const declared = statement.childForFieldName('declaration');
  if (declared !== null) {
    readDeclaration(declared, text, true, found);
    return;
  }
  const value = statement.childForFieldName('value');
  if (value !== null) {
    // `export default <expression>`: a name of this file, or something without one.
    if (value.type === 'identifier') later.set(value.text, 'default');
    else if (kinds[value.type] !== undefined) readDeclaration(value, text, true, found);
    else found.push(declarationAt('default', 'default', statement, headOf(statement, text, 'value'), true));
    return;
  }
  const clause = childrenOf(statement).find((child) => child.type === 'export_clause');
  if (statement.childForFieldName('source') !== null) {
    const name = clause === undefined ? starName(statement) : namesOf(clause).join(', ');
    found.push(declarationAt('re-export', name, statement, statement.text, true));
    return;
  }
  for (const specifier of childrenOf(clause ?? null)) {
    const local = specifier.childForFieldName('name');
    if (local !== null) later.set(local.text, specifier.childForFieldName('alias')?.text ?? local.text);
  }
  // `export = name` of older declaration files.
  const assigned = clause === undefined ? childrenOf(statement).at(0) : undefined;
  if (assigned?.type === 'identifier') later.set(assigned.text, 'default');
}

function starName(statement: Node): string {
  const namespace = childrenOf(statement).find((child) => child.type === 'namespace_export');
  return namespace === undefined ? '*' : (namespace.namedChild(0)?.text ?? '*');
}

function namesOf(clause: Node): string[] {
  return childrenOf(clause).map(
    (specifier) => (specifier.childForFieldName('alias') ?? specifier.childForFieldName('name'))?.text ?? '',
  );
}

function readDeclaration(node: Node, text: string, exported: boolean, found: Declaration[], isAmbient = false): void {
  if (node.type === 'ambient_declaration') {
    for (const child of childrenOf(node)) readDeclaration(child, text, exported, found, true);
    return;
  }
  if (node.type === 'lexical_declaration' || node.type === 'variable_declaration') {
    for (const declarator of childrenOf(node)) readVariable(node, declarator, text, exported, found);
    return;
  }
  const kind = kinds[node.type];
  if (kind === undefined) return;
  const nameNode = node.childForFieldName('name');
  const name = nameNode?.text ?? 'default';
  // The implementation after overloads says nothing that the overloads do not.
  const overloaded =
    node.type === 'function_declaration' && found.at(-1)?.kind === 'function' && found.at(-1)?.name === name;
  if (!overloaded) found.push(declarationAt(kind, name, nameNode ?? node, headOf(node, text), exported));
  if (kind === 'class') readMethods(node, name, text, exported, found);
  if (kind === 'namespace' || kind === 'module') readNamespace(node, name, text, { exported, isAmbient }, found);
}

/** What stands in a namespace, as `Namespace.name`. In one that is only declared, everything is exported. */
function readNamespace(
  node: Node,
  name: string,
  text: string,
  { exported, isAmbient }: { readonly exported: boolean; readonly isAmbient: boolean },
  found: Declaration[],
): void {
  // `declare module 'x'` speaks of another file; its names are that file's.
  const isOtherFile = node.type === 'module' && node.childForFieldName('name')?.type === 'string';
  const isKnown = exported || isOtherFile;
  const inside: Declaration[] = [];
  const later = new Map<string, string>();
  for (const statement of childrenOf(node.childForFieldName('body'))) {
    if (statement.type === 'expression_statement') readExpression(statement, text, inside, later);
    else if (statement.type !== 'export_statement') readDeclaration(statement, text, isAmbient, inside, isAmbient);
    else if (statement.childForFieldName('declaration') !== null) readExport(statement, text, inside, later);
  }
  for (const each of inside)
    found.push({
      ...each,
      name: isOtherFile ? each.name : `${name}.${each.name}`,
      exported: isKnown && each.exported,
    });
}

function readVariable(statement: Node, declarator: Node, text: string, exported: boolean, found: Declaration[]): void {
  const target = declarator.childForFieldName('name');
  if (target === null) return;
  const value = declarator.childForFieldName('value');
  const keyword = statement.child(0)?.text ?? 'const';
  if (target.type !== 'identifier') {
    for (const name of namesBound(target)) {
      found.push(declarationAt(kindOfVariable(keyword), name.text, name, `${keyword} ${target.text}`, exported));
    }
    return;
  }
  const body = value?.childForFieldName('body') ?? null;
  const isFunction = value?.type === 'arrow_function' || value?.type === 'function_expression';
  // A short literal says more than its type would; anything longer is a body.
  const end = isFunction ? body?.startIndex : value !== null && isShort(value) ? value.endIndex : value?.startIndex;
  const head = `${keyword} ${text.slice(declarator.startIndex, end ?? declarator.endIndex)}`;
  found.push(declarationAt(isFunction ? 'function' : kindOfVariable(keyword), target.text, target, head, exported));
  if (value?.type === 'class') readMethods(value, target.text, text, exported, found);
}

/** The names that a pattern binds; its keys and defaults bind none. */
function namesBound(pattern: Node): Node[] {
  switch (pattern.type) {
    case 'identifier':
    case 'shorthand_property_identifier_pattern':
      return [pattern];
    case 'pair_pattern':
      return namesBoundBy(pattern, 'value');
    case 'assignment_pattern':
    case 'object_assignment_pattern':
      return namesBoundBy(pattern, 'left');
    case 'object_pattern':
    case 'array_pattern':
    case 'rest_pattern':
      return childrenOf(pattern).flatMap(namesBound);
    default:
      return [];
  }
}

function namesBoundBy(pattern: Node, field: string): Node[] {
  const part = pattern.childForFieldName(field);
  return part === null ? [] : namesBound(part);
}

function kindOfVariable(keyword: string): string {
  return keyword === 'const' ? 'constant' : 'variable';
}

function isShort(value: Node): boolean {
  return (
    ['number', 'string', 'true', 'false', 'unary_expression', 'binary_expression'].includes(value.type) &&
    value.endIndex - value.startIndex <= 60
  );
}

function readMethods(node: Node, className: string, text: string, exported: boolean, found: Declaration[]): void {
  for (const member of childrenOf(node.childForFieldName('body'))) {
    if (member.type !== 'method_definition' && member.type !== 'abstract_method_signature') continue;
    const name = member.childForFieldName('name');
    if (name === null) continue;
    const access = childrenOf(member).find((child) => child.type === 'accessibility_modifier')?.text;
    const visible = name.type !== 'private_property_identifier' && access !== 'private' && access !== 'protected';
    const head = headOf(member, text);
    found.push(declarationAt('method', `${className}.${name.text}`, name, head, exported && visible));
  }
}

/** Namespaces, and CommonJS: `module.exports = …`, `exports.name = …`, `exports['name'] = …`, and several in a row. */
function readExpression(statement: Node, text: string, found: Declaration[], later: Map<string, string>): void {
  const expression = statement.namedChild(0);
  if (expression?.type === 'internal_module') readDeclaration(expression, text, false, found);
  const targets: Node[] = [];
  let value: Node | null = expression;
  while (value?.type === 'assignment_expression') {
    const left = value.childForFieldName('left');
    if (left !== null) targets.push(left);
    value = value.childForFieldName('right');
  }
  if (value === null) return;
  for (const target of targets) {
    const named = exportNamed(target);
    if (named !== null) {
      if (value.type === 'identifier') later.set(value.text, named.text);
      const from = target.startIndex === expression?.startIndex ? statement.startIndex : target.startIndex;
      const isLast = target === targets.at(-1);
      const head = text.slice(from, (isLast ? value.childForFieldName('body')?.startIndex : null) ?? target.endIndex);
      found.push(declarationAt('export', named.text, named, head, true));
    } else if (isExports(target)) {
      // `exports = module.exports = …`: said once.
      if (found.some(({ kind, line }) => kind === 'default' && line === statement.startPosition.row + 1)) continue;
      readExports(value, statement, text, found, later);
    }
  }
}

function readExports(
  value: Node,
  statement: Node,
  text: string,
  found: Declaration[],
  later: Map<string, string>,
): void {
  if (value.type === 'identifier') later.set(value.text, 'default');
  else if (value.type === 'object') readExportedObject(value, text, found, later);
  else if (statement.text.startsWith('module.exports'))
    found.push(declarationAt('default', 'default', statement, 'module.exports', true));
}

/** `module.exports = { a, b: c, d() {}, e: 1 }`: what has a declaration of its own is known, the rest is declared here. */
function readExportedObject(object: Node, text: string, found: Declaration[], later: Map<string, string>): void {
  for (const member of childrenOf(object)) {
    const value = member.childForFieldName('value');
    const key = member.childForFieldName('key') ?? member.childForFieldName('name');
    if (member.type === 'shorthand_property_identifier') later.set(member.text, member.text);
    else if (member.type === 'pair' && value?.type === 'identifier') later.set(value.text, value.text);
    else if (key !== null && key.type !== 'computed_property_name') {
      const name = key.type === 'string' ? (key.namedChild(0) ?? key) : key;
      const end = member.childForFieldName('body')?.startIndex ?? value?.childForFieldName('body')?.startIndex;
      found.push(declarationAt('export', name.text, name, text.slice(member.startIndex, end ?? key.endIndex), true));
    }
  }
}

function isExports(target: Node): boolean {
  return target.text === 'module.exports' || target.text === 'exports';
}

/** The name in `exports.name`, `module.exports.name` or `exports['name']`. */
function exportNamed(target: Node): Node | null {
  const object = target.childForFieldName('object');
  if (object === null || !isExports(object)) return null;
  if (target.type === 'member_expression') {
    // `module.exports` itself.
    return target.text === 'module.exports' ? null : target.childForFieldName('property');
  }
  const index = target.type === 'subscript_expression' ? target.childForFieldName('index') : null;
  return index?.type === 'string' ? index.namedChild(0) : null;
}
