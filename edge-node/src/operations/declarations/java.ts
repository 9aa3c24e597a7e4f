// Declarations of Java. Exported is what is `public`, and the methods of a public interface.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const kinds: Readonly<Record<string, string>> = {
  class_declaration: 'class',
  interface_declaration: 'interface',
  enum_declaration: 'enum',
  record_declaration: 'record',
  annotation_type_declaration: 'annotation',
};

/** The types of a Java file and their methods, constants and nested types. */
export function javaDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const node of childrenOf(root)) readType(node, '', true, text, found);
  return found;
}

function readType(node: Node, owner: string, ownerKnown: boolean, text: string, found: Declaration[]): void {
  const kind = kinds[node.type];
  const name = node.childForFieldName('name');
  if (kind === undefined || name === null) return;
  const fullName = owner === '' ? name.text : `${owner}.${name.text}`;
  const known = ownerKnown && isPublic(node);
  found.push(declarationAt(kind, fullName, name, headOf(node, text), known));
  const body = node.childForFieldName('body');
  // The members of an enum stand one level deeper.
  const members = childrenOf(body).flatMap((m) => (m.type === 'enum_body_declarations' ? childrenOf(m) : [m]));
  for (const member of members) {
    const memberKnown = known && (kind === 'interface' || isPublic(member));
    const memberName = member.childForFieldName('name');
    if (member.type === 'method_declaration' || member.type === 'constructor_declaration') {
      if (memberName === null) continue;
      const head = headOf(member, text);
      found.push(declarationAt('method', `${fullName}.${memberName.text}`, memberName, head, memberKnown));
    } else if (member.type === 'field_declaration' && /\bfinal\b/.test(modifiersOf(member))) {
      const constant = member.childForFieldName('declarator')?.childForFieldName('name');
      if (constant == null) continue;
      found.push(declarationAt('constant', `${fullName}.${constant.text}`, constant, member.text, memberKnown));
    } else {
      readType(member, fullName, known, text, found);
    }
  }
}

function modifiersOf(node: Node): string {
  return childrenOf(node).find((child) => child.type === 'modifiers')?.text ?? '';
}

function isPublic(node: Node): boolean {
  return /\bpublic\b/.test(modifiersOf(node));
}
