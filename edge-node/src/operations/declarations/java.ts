// Declarations of Java. Exported is what is `public` inside what is exported; the members of an interface are, unless they are
// private (Java Language Specification, 9.3 to 9.5).

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const kinds: Readonly<Record<string, string>> = {
  class_declaration: 'class',
  interface_declaration: 'interface',
  enum_declaration: 'enum',
  record_declaration: 'record',
  annotation_type_declaration: 'annotation',
};

const methods = new Set([
  'method_declaration',
  'constructor_declaration',
  'compact_constructor_declaration',
  'annotation_type_element_declaration',
]);

/** The types of a Java file and their methods, constants and nested types. */
export function javaDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const node of childrenOf(root)) readType(node, '', has(node, 'public'), text, found);
  return found;
}

function readType(node: Node, owner: string, exported: boolean, text: string, found: Declaration[]): void {
  const kind = kinds[node.type];
  const name = node.childForFieldName('name');
  if (kind === undefined || name === null) return;
  const fullName = owner === '' ? name.text : `${owner}.${name.text}`;
  found.push(declarationAt(kind, fullName, name, headOf(node, text), exported));
  const isOpen = kind === 'interface' || kind === 'annotation';
  // The members of an enum stand one level deeper.
  const members = childrenOf(node.childForFieldName('body')).flatMap((member) =>
    member.type === 'enum_body_declarations' ? childrenOf(member) : [member],
  );
  for (const member of members) {
    const isKnown = exported && (isOpen ? !has(member, 'private') : has(member, 'public'));
    const memberName = member.childForFieldName('name');
    if (methods.has(member.type) && memberName !== null) {
      found.push(declarationAt('method', `${fullName}.${memberName.text}`, memberName, headOf(member, text), isKnown));
    } else if (
      member.type === 'constant_declaration' ||
      (member.type === 'field_declaration' && has(member, 'final'))
    ) {
      readConstants(member, fullName, isKnown, found);
    } else {
      readType(member, fullName, isKnown, text, found);
    }
  }
}

/** Each name of `int A = 1, B = 2`. */
function readConstants(member: Node, owner: string, exported: boolean, found: Declaration[]): void {
  for (const declarator of member.childrenForFieldName('declarator')) {
    const name = declarator.childForFieldName('name');
    if (name !== null) found.push(declarationAt('constant', `${owner}.${name.text}`, name, member.text, exported));
  }
}

/** Whether a declaration has this modifier; what its annotations say is not one. */
function has(node: Node, modifier: string): boolean {
  const modifiers = childrenOf(node).find((child) => child.type === 'modifiers');
  return modifiers?.children.some((child) => child.type === modifier) ?? false;
}
