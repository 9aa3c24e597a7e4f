// Declarations of Rust. Exported is what is `pub` without a restriction; the methods of a public trait are public.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const kinds: Readonly<Record<string, string>> = {
  function_item: 'function',
  struct_item: 'struct',
  enum_item: 'enum',
  union_item: 'union',
  trait_item: 'trait',
  type_item: 'type',
  const_item: 'constant',
  static_item: 'variable',
  mod_item: 'module',
  macro_definition: 'macro',
};

/** The items of a Rust file, with the functions of its `impl` blocks and traits. */
export function rustDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const node of childrenOf(root)) {
    const kind = kinds[node.type];
    const name = node.childForFieldName('name');
    if (kind !== undefined && name !== null) {
      const exported = isPublic(node) || (kind === 'macro' && node.previousNamedSibling?.text === '#[macro_export]');
      found.push(declarationAt(kind, name.text, name, signatureOf(node, name, kind, text), exported));
      if (kind === 'trait') readFunctions(node, name.text, text, () => exported, found);
    } else if (node.type === 'impl_item') {
      const type = node.childForFieldName('type')?.text.replace(/<.*$/s, '') ?? '';
      // What a trait's implementation makes known is known by the trait.
      const ofTrait = node.childForFieldName('trait') !== null;
      readFunctions(node, type, text, (member) => !ofTrait && isPublic(member), found);
    }
  }
  return found;
}

function signatureOf(node: Node, name: Node, kind: string, text: string): string {
  return kind === 'macro' ? `macro_rules! ${name.text}` : headOf(node, text);
}

function readFunctions(
  node: Node,
  owner: string,
  text: string,
  isExported: (member: Node) => boolean,
  found: Declaration[],
): void {
  for (const member of childrenOf(node.childForFieldName('body'))) {
    const name = member.childForFieldName('name');
    if (name === null || (member.type !== 'function_item' && member.type !== 'function_signature_item')) continue;
    found.push(declarationAt('method', `${owner}.${name.text}`, name, headOf(member, text), isExported(member)));
  }
}

function isPublic(node: Node): boolean {
  return childrenOf(node).some((child) => child.type === 'visibility_modifier' && child.text === 'pub');
}
