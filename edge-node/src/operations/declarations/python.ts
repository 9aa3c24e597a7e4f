// Declarations of Python. Public is what `__all__` lists, else what does not start with an underscore.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

/** The top-level functions, classes with their methods, and assignments of a Python module. */
export function pythonDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  const listed = listedNames(root);
  const isPublic = (name: string) => (listed === null ? !name.startsWith('_') : listed.has(name));
  for (const statement of childrenOf(root)) {
    const node = undecorated(statement);
    const name = node.childForFieldName('name');
    if (node.type === 'function_definition' && name !== null) {
      found.push(declarationAt('function', name.text, name, headOf(node, text), isPublic(name.text)));
    } else if (node.type === 'class_definition' && name !== null) {
      found.push(declarationAt('class', name.text, name, headOf(node, text), isPublic(name.text)));
      readMethods(node, name.text, text, isPublic(name.text), found);
    } else if (node.type === 'expression_statement') {
      readAssignment(node, text, isPublic, found);
    }
  }
  return found;
}

function undecorated(node: Node): Node {
  return node.type === 'decorated_definition' ? (node.childForFieldName('definition') ?? node) : node;
}

function readMethods(node: Node, className: string, text: string, exported: boolean, found: Declaration[]): void {
  for (const member of childrenOf(node.childForFieldName('body')).map(undecorated)) {
    const name = member.childForFieldName('name');
    if (member.type !== 'function_definition' || name === null) continue;
    const visible = name.text === '__init__' || !name.text.startsWith('_');
    const head = headOf(member, text);
    found.push(declarationAt('method', `${className}.${name.text}`, name, head, exported && visible));
  }
}

function readAssignment(
  statement: Node,
  text: string,
  isPublic: (name: string) => boolean,
  found: Declaration[],
): void {
  const assignment = statement.namedChild(0);
  const left = assignment?.type === 'assignment' ? assignment.childForFieldName('left') : null;
  if (assignment == null || left?.type !== 'identifier' || left.text.startsWith('__')) return;
  if (found.some((declaration) => declaration.name === left.text)) return; // Assigned again: declared already.
  const right = assignment.childForFieldName('right');
  const short = right !== null && right.endIndex - right.startIndex <= 60 ? right.endIndex : right?.startIndex;
  const kind = left.text === left.text.toUpperCase() ? 'constant' : 'variable';
  const head = text.slice(assignment.startIndex, short ?? assignment.endIndex);
  found.push(declarationAt(kind, left.text, left, head, isPublic(left.text)));
}

/** The names in `__all__`, or null when the module has none. */
function listedNames(root: Node): Set<string> | null {
  for (const statement of childrenOf(root)) {
    const assignment = statement.type === 'expression_statement' ? statement.namedChild(0) : null;
    if (assignment?.type !== 'assignment' || assignment.childForFieldName('left')?.text !== '__all__') continue;
    const strings = assignment.descendantsOfType('string_content');
    return new Set(strings.map((node) => node.text));
  }
  return null;
}
