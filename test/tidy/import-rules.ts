// Who may import whom (docs: the table of top-level folders), and that no import leads round to where it began.

import { dirname, join } from 'node:path/posix';
import { isCode, isNode, type Node, parse, type SourceFile, topFolder, violation, walk } from './repository.ts';

export interface Import {
  /** As written: `./a.ts`, `zod`, `node:crypto`. */
  readonly source: string;
  readonly node: Node;
}

interface Allowed {
  readonly folders: readonly string[];
  /** Package names; absent: any. */
  readonly packages?: readonly string[];
}

const ALLOWED: Readonly<Record<string, Allowed>> = {
  core: { folders: ['core'], packages: ['zod', 'node:crypto'] },
  functions: { folders: ['functions', 'core'] },
  'durable-objects': { folders: ['durable-objects', 'core', 'migrations'] },
  'edge-node': { folders: ['edge-node', 'core', 'migrations'] },
  console: { folders: ['console', 'core'] },
  migrations: { folders: ['migrations'] },
};
/** Folders that wire everything together, and files at the root (configuration). */
const WIRING = ['local', 'test'];
/** The Worker's entry exports the classes of its objects: it is wiring that has to stand in functions/. */
const ENTRY: Readonly<Record<string, readonly string[]>> = { 'functions/worker.ts': ['durable-objects'] };
/** Raw sockets would pass by the check of outgoing addresses. */
const BANNED_PACKAGES = ['cloudflare:sockets'];

/** Every import and re-export of a file, of values and of types, static and dynamic. */
export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  const add = (source: unknown, node: Node) => {
    if (isNode(source) && typeof source.value === 'string') imports.push({ source: source.value, node });
  };
  walk(parse(file), (node) => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        add(node.source ?? node.argument, node);
        break;
      case 'CallExpression': {
        const [argument] = node.arguments as Node[];
        if (isNode(node.callee) && node.callee.name === 'require') add(argument, node);
      }
    }
  });
  return imports;
}

/** Imports that go against the table. */
export function directionViolations(files: readonly SourceFile[]): string[] {
  return files.filter(isCode).flatMap((file) => {
    const top = topFolder(file.path);
    const allowed = ALLOWED[top];
    if (allowed === undefined) {
      const isKnown = WIRING.includes(top) || !file.path.includes('/');
      return isKnown ? [] : [`${file.path}: ${top}/ is no folder of the architecture`];
    }
    const folders = [...allowed.folders, ...(ENTRY[file.path] ?? [])];
    return importsOf(file).flatMap(({ source, node }) => {
      if (BANNED_PACKAGES.includes(source)) return [violation(file, node, `${source} is not used here`)];
      if (source.startsWith('.')) {
        const target = topFolder(join(dirname(file.path), source));
        return folders.includes(target) ? [] : [violation(file, node, `${top}/ may not import ${target}/ (${source})`)];
      }
      const isAllowed = allowed.packages === undefined || allowed.packages.includes(packageName(source));
      return isAllowed ? [] : [violation(file, node, `${top}/ may not import ${source}`)];
    });
  });
}

/** Chains of imports that end where they began, each named once: `a.ts → b.ts → a.ts`. */
export function cycles(files: readonly SourceFile[]): string[] {
  const code = files.filter(isCode);
  const known = new Set(code.map((file) => file.path));
  const targets = new Map(
    code.map((file) => {
      const paths = importsOf(file).filter(({ source }) => source.startsWith('.'));
      const resolved = paths.map(({ source }) => join(dirname(file.path), source));
      return [file.path, [...new Set(resolved)].filter((path) => known.has(path))];
    }),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const begin = trail.indexOf(path);
    if (begin !== -1) found.push([...trail.slice(begin), path].join(' → '));
    if (begin !== -1 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of code) visit(path, []);
  return found;
}

/** `@scope/name/part` → `@scope/name`, `node:crypto` as it is. */
function packageName(source: string): string {
  const parts = source.split('/');
  return parts.slice(0, source.startsWith('@') ? 2 : 1).join('/');
}
