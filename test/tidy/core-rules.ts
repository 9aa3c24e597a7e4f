// The core is deterministic: what it may not call, because the answer would differ from one run to the next or come later.

import { isCode, isNode, type Node, parse, type SourceFile, violation, walk } from './repository.ts';

/** Global functions and objects that the core does not touch. */
const BANNED_GLOBALS = new Set([
  'fetch',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'performance',
  'globalThis',
]);
/** `object.property` that the core does not touch. */
const BANNED_MEMBERS = new Set([
  'Date.now',
  'Math.random',
  'crypto.randomUUID',
  'crypto.getRandomValues',
  'crypto.subtle',
]);
/** Names of node:crypto that are random. */
const BANNED_IMPORTS = /^(random\w*|generateKey\w*|webcrypto|getRandomValues|subtle)$/;

/** Calls in `core/` that make it depend on anything but its arguments. */
export function purityViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file) && file.path.startsWith('core/'))
    .flatMap((file) => {
      const found: string[] = [];
      walk(parse(file), (node) => {
        const what = impurity(node);
        if (what !== null) found.push(violation(file, node, `core has no ${what}`));
      });
      return found;
    });
}

function impurity(node: Node): string | null {
  switch (node.type) {
    case 'AwaitExpression':
      return 'await';
    case 'ForOfStatement':
      return node.await === true ? 'await' : null;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return node.async === true ? 'async functions' : null;
    case 'ImportExpression':
      return 'import()';
    case 'CallExpression':
      return bannedGlobal(node.callee);
    case 'NewExpression':
      // Without an argument it reads the clock.
      return nameOf(node.callee) === 'Date' && (node.arguments as Node[]).length === 0 ? 'new Date()' : null;
    case 'MemberExpression': {
      const member = `${nameOf(node.object)}.${nameOf(node.property)}`;
      return BANNED_MEMBERS.has(member) ? member : bannedGlobal(node.object);
    }
    case 'ImportSpecifier': {
      const name = nameOf(node.imported);
      return name !== null && BANNED_IMPORTS.test(name) ? name : null;
    }
    default:
      return null;
  }
}

function bannedGlobal(node: unknown): string | null {
  const name = nameOf(node);
  return name !== null && BANNED_GLOBALS.has(name) ? name : null;
}

function nameOf(node: unknown): string | null {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : null;
}
