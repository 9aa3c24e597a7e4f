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
    else readDeclaration(statement, text, false, found);
  }
  // `export { a as b }` and `module.exports = { a }` make a declaration of this file known, under a name of their own.
  return found.map((declaration) => {
    const base = declaration.name.split('.', 1)[0] ?? '';
    return declaration.exported || !exportedLater.has(base) ? declaration : { ...declaration, exported: true };
  });
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

function readDeclaration(node: Node, text: string, exported: boolean, found: Declaration[]): void {
  if (node.type === 'ambient_declaration') {
    for (const child of childrenOf(node)) readDeclaration(child, text, exported, found);
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
}

function readVariable(statement: Node, declarator: Node, text: string, exported: boolean, found: Declaration[]): void {
  const target = declarator.childForFieldName('name');
  if (target === null) return;
  const value = declarator.childForFieldName('value');
  const keyword = statement.child(0)?.text ?? 'const';
  if (target.type !== 'identifier') {
    const names = target.descendantsOfType(['identifier', 'shorthand_property_identifier_pattern']);
    for (const name of names) {
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

/** Namespaces, and CommonJS: `module.exports = …`, `exports.name = …`. */
function readExpression(statement: Node, text: string, found: Declaration[], later: Map<string, string>): void {
  const expression = statement.namedChild(0);
  if (expression?.type === 'internal_module') readDeclaration(expression, text, false, found);
  if (expression?.type !== 'assignment_expression') return;
  const left = expression.childForFieldName('left');
  const right = expression.childForFieldName('right');
  if (left?.type !== 'member_expression' || right === null) return;
  const target = left.text;
  const named = /^(?:module\.)?exports\.([\w$]+)$/.exec(target)?.[1];
  if (named !== undefined) {
    if (right.type === 'identifier') later.set(right.text, named);
    const head = text.slice(statement.startIndex, right.childForFieldName('body')?.startIndex ?? left.endIndex);
    found.push(declarationAt('export', named, left.childForFieldName('property') ?? left, head, true));
  } else if (target === 'module.exports') {
    if (right.type === 'identifier') later.set(right.text, 'default');
    else if (right.type === 'object') for (const name of shorthandNames(right)) later.set(name, name);
    else found.push(declarationAt('default', 'default', statement, target, true));
  }
}

function shorthandNames(object: Node): string[] {
  return childrenOf(object).flatMap((child) => {
    if (child.type === 'shorthand_property_identifier') return [child.text];
    const value = child.childForFieldName('value');
    return child.type === 'pair' && value?.type === 'identifier' ? [value.text] : [];
  });
}
