// Declarations of Python. Public is what `__all__` lists, else what does not start with an underscore.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

/** Statements and their parts that open no scope: what is declared inside is declared outside. */
const OPEN = new Set(
  `if_statement elif_clause else_clause try_statement except_clause except_group_clause finally_clause with_statement
   for_statement while_statement match_statement case_clause block`.split(/\s+/),
);

/** The top-level functions, classes with their methods, and assignments of a Python module, under conditions too. */
export function pythonDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  const assigned = new Set<string>();
  const listed = listedNames(root);
  const isPublic = (name: string) => (listed === null ? !name.startsWith('_') : listed.has(name));
  for (const node of statementsOf(root)) {
    const name = node.childForFieldName('name');
    if (node.type === 'function_definition' && name !== null) {
      found.push(declarationAt('function', name.text, name, headOf(node, text), isPublic(name.text)));
    } else if (node.type === 'class_definition' && name !== null) {
      readClass(node, name.text, name, text, isPublic(name.text), found);
    } else if (node.type === 'type_alias_statement') {
      const alias = node.childForFieldName('left') ?? node.namedChild(0);
      if (alias) found.push(declarationAt('type', nameOfAlias(alias), alias, node.text, isPublic(nameOfAlias(alias))));
    } else if (node.type === 'expression_statement') {
      readAssignment(node.namedChild(0), text, isPublic, assigned, found);
    }
  }
  return found;
}

/** The statements of a body, those inside conditions, loops and `try` among them, without their decorators. */
function statementsOf(body: Node | null): Node[] {
  return childrenOf(body).flatMap((child) => {
    if (OPEN.has(child.type)) return statementsOf(child);
    return child.type === 'decorated_definition' ? [child.childForFieldName('definition') ?? child] : [child];
  });
}

function readClass(node: Node, name: string, at: Node, text: string, exported: boolean, found: Declaration[]): void {
  found.push(declarationAt('class', name, at, headOf(node, text), exported));
  for (const member of statementsOf(node.childForFieldName('body'))) {
    const memberName = member.childForFieldName('name');
    if (memberName === null) continue;
    const fullName = `${name}.${memberName.text}`;
    const visible = exported && (memberName.text === '__init__' || !memberName.text.startsWith('_'));
    if (member.type === 'function_definition')
      found.push(declarationAt('method', fullName, memberName, headOf(member, text), visible));
    else if (member.type === 'class_definition') readClass(member, fullName, memberName, text, visible, found);
  }
}

/** `a = 1`, `a: int`, `a, (b, *c) = …`, `a = b = 1`. What is assigned again was declared before. */
function readAssignment(
  assignment: Node | null,
  text: string,
  isPublic: (name: string) => boolean,
  assigned: Set<string>,
  found: Declaration[],
): void {
  const left = assignment?.type === 'assignment' ? assignment.childForFieldName('left') : null;
  if (assignment == null || left === null) return;
  const right = assignment.childForFieldName('right');
  const short = right !== null && right.endIndex - right.startIndex <= 60 ? right.endIndex : right?.startIndex;
  const head = text.slice(assignment.startIndex, short ?? assignment.endIndex);
  for (const target of targetsOf(left)) {
    if (target.text.startsWith('__') || assigned.has(target.text)) continue;
    assigned.add(target.text);
    const kind = target.text === target.text.toUpperCase() ? 'constant' : 'variable';
    found.push(declarationAt(kind, target.text, target, head, isPublic(target.text)));
  }
  readAssignment(right, text, isPublic, assigned, found);
}

/** The plain names that an assignment binds. */
function targetsOf(left: Node): Node[] {
  if (left.type === 'identifier') return [left];
  return /(?:^|_)(?:pattern|list|tuple)(?:_|$)/.test(left.type) ? childrenOf(left).flatMap(targetsOf) : [];
}

/** `type Name[T] = …`. */
function nameOfAlias(alias: Node): string {
  return alias.descendantsOfType('identifier').at(0)?.text ?? alias.text;
}

/** The names in `__all__`, or null when the module has none. */
function listedNames(root: Node): Set<string> | null {
  let listed: Set<string> | null = null;
  for (const statement of statementsOf(root)) {
    const assignment = statement.type === 'expression_statement' ? statement.namedChild(0) : null;
    if (assignment?.childForFieldName('left')?.text !== '__all__') continue;
    if (assignment.type !== 'assignment' && assignment.type !== 'augmented_assignment') continue;
    listed ??= new Set();
    for (const string of assignment.descendantsOfType('string_content')) listed.add(string.text);
  }
  return listed;
}
