// Declarations of Rust. Exported is what is `pub` without a restriction, in modules that are; the methods of a public trait are
// public. What stands in an inline module is `module.name`.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const kinds: Readonly<Record<string, string>> = {
  function_item: 'function',
  function_signature_item: 'function',
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

const memberKinds: Readonly<Record<string, string>> = {
  function_item: 'method',
  function_signature_item: 'method',
  const_item: 'constant',
};

/** The items of a Rust file, with the functions and constants of its `impl` blocks and traits. */
export function rustDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  readItems(root, '', true, text, found);
  return found;
}

function readItems(body: Node, prefix: string, isKnown: boolean, text: string, found: Declaration[]): void {
  for (const node of childrenOf(body)) {
    const kind = kinds[node.type];
    const name = node.childForFieldName('name');
    if (kind !== undefined && name !== null) {
      // A macro that is exported is so at the crate's root, wherever it stands.
      const exported = kind === 'macro' ? isMacroExported(node) : isKnown && isPublic(node);
      const fullName = prefix + plain(name.text);
      found.push(declarationAt(kind, fullName, name, signatureOf(node, name, kind, text), exported));
      if (kind === 'trait') readMembers(node, fullName, text, () => exported, found);
      const inside = kind === 'module' ? node.childForFieldName('body') : null;
      if (inside !== null) readItems(inside, `${fullName}.`, exported, text, found);
    } else if (node.type === 'impl_item') {
      const type = prefix + plain(node.childForFieldName('type')?.text.replace(/<.*$/s, '') ?? '');
      // What a trait's implementation makes known is known by the trait.
      const ofTrait = node.childForFieldName('trait') !== null;
      readMembers(node, type, text, (member) => isKnown && !ofTrait && isPublic(member), found);
    } else if (node.type === 'foreign_mod_item') {
      const inside = node.childForFieldName('body');
      if (inside !== null) readItems(inside, prefix, isKnown, text, found);
    }
  }
}

function signatureOf(node: Node, name: Node, kind: string, text: string): string {
  return kind === 'macro' ? `macro_rules! ${name.text}` : headOf(node, text);
}

function readMembers(
  node: Node,
  owner: string,
  text: string,
  isExported: (member: Node) => boolean,
  found: Declaration[],
): void {
  for (const member of childrenOf(node.childForFieldName('body'))) {
    const name = member.childForFieldName('name');
    const kind = memberKinds[member.type];
    if (name === null || kind === undefined) continue;
    found.push(declarationAt(kind, `${owner}.${plain(name.text)}`, name, headOf(member, text), isExported(member)));
  }
}

/** A raw identifier is the name without its mark: `r#match` is called `match`. */
function plain(name: string): string {
  return name.replace(/^r#/, '');
}

function isPublic(node: Node): boolean {
  return childrenOf(node).some((child) => child.type === 'visibility_modifier' && child.text === 'pub');
}

/** Whether `#[macro_export]` is among the attributes before a macro. */
function isMacroExported(node: Node): boolean {
  for (let before = node.previousNamedSibling; before !== null; before = before.previousNamedSibling) {
    if (before.type !== 'attribute_item' && !before.type.endsWith('comment')) return false;
    if (/^#\[\s*macro_export\b/.test(before.text)) return true;
  }
  return false;
}
