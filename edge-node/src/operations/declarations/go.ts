// Declarations of Go. Exported is what starts with a capital letter.

import type { Node } from 'web-tree-sitter';
import { childrenOf, type Declaration, declarationAt, headOf } from './declaration.ts';

const specs: Readonly<Record<string, string>> = { const_spec: 'constant', var_spec: 'variable', type_alias: 'type' };

/** The functions, methods, types, constants and variables of a Go file. */
export function goDeclarations(root: Node, text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const node of childrenOf(root)) {
    const name = node.childForFieldName('name');
    if (node.type === 'function_declaration' && name !== null) {
      found.push(declarationAt('function', name.text, name, headOf(node, text), isExported(name.text)));
    } else if (node.type === 'method_declaration' && name !== null) {
      const receiver = node.childForFieldName('receiver')?.descendantsOfType('type_identifier').at(0)?.text ?? '';
      const exported = isExported(name.text) && isExported(receiver);
      found.push(declarationAt('method', `${receiver}.${name.text}`, name, headOf(node, text), exported));
    } else {
      readSpecs(node, text, found);
    }
  }
  return found;
}

function readSpecs(node: Node, text: string, found: Declaration[]): void {
  for (const spec of childrenOf(node)) {
    if (spec.type === 'var_spec_list') readSpecs(spec, text, found);
    // The commas between names carry the field too; `_` names nothing.
    const names = spec.childrenForFieldName('name').filter((name) => name.isNamed && name.text !== '_');
    const keyword = node.type.split('_', 1)[0];
    for (const name of names) {
      if (spec.type === 'type_spec') {
        const type = spec.childForFieldName('type');
        const kind = type?.type === 'struct_type' ? 'struct' : type?.type === 'interface_type' ? 'interface' : 'type';
        // A struct's fields are its body; any other type is said whole.
        const end = kind === 'type' ? spec.endIndex : text.indexOf('{', type?.startIndex ?? spec.endIndex);
        const head = `type ${text.slice(spec.startIndex, end === -1 ? spec.endIndex : end)}`;
        found.push(declarationAt(kind, name.text, name, head, isExported(name.text)));
      } else if (specs[spec.type] !== undefined) {
        const head = `${keyword} ${spec.text}`;
        found.push(declarationAt(specs[spec.type] ?? 'constant', name.text, name, head, isExported(name.text)));
      }
    }
  }
}

function isExported(name: string): boolean {
  return /^\p{Lu}/u.test(name);
}
