// Rules about files as a whole: their names, what is left behind in them, and what a lock file may say.

import { dirname } from 'node:path/posix';
import { isCode, isNode, type Node, parse, type SourceFile, violation, walk } from './repository.ts';

/** Names that say nothing of what is inside. */
const EMPTY_NAME = /^(.*-)?(utils?|helpers?|commons?|misc|managers?)$/;

/** Files and folders whose names promise nothing. */
export function nameViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file))
    .filter((file) => file.path.split('/').some((part) => EMPTY_NAME.test(part.replace(/\..*$/, ''))))
    .map((file) => `${file.path}: a name that does not say what is inside`);
}

// Put together here, so that this file does not hold the words it looks for.
const LEFT_BEHIND = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`, 'g');

/** Notes to oneself: work that is not done has its place in an issue. */
export function noteViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => !file.path.endsWith('package-lock.json'))
    .flatMap((file) => [...file.text.matchAll(LEFT_BEHIND)].map((m) => violation(file, m.index, `"${m[0]}"`)));
}

/** Where this checkout stands: a path that means nothing on any other machine. `root` is absolute. */
export function machineViolations(files: readonly SourceFile[], root: string): string[] {
  const literal = root.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const here = new RegExp(`(?<![\\w.])${literal}(?![\\w-])`, 'g');
  return files.flatMap((file) =>
    [...file.text.matchAll(here)].map((match) => violation(file, match.index, 'a path of one machine')),
  );
}

const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 'bench']);
const SWITCHES = new Set(['skip', 'only', 'todo']);
const SHORT_SWITCHES = new Set(['xit', 'xtest', 'xdescribe', 'fit', 'ftest', 'fdescribe']);

/** Tests that are switched off, or that switch the others off. */
export function switchViolations(files: readonly SourceFile[]): string[] {
  return files.filter(isTest).flatMap((file) => {
    const found: string[] = [];
    walk(parse(file), (node) => {
      const { object, property, callee } = node;
      if (node.type === 'MemberExpression' && isNode(property) && SWITCHES.has(String(property.name))) {
        if (RUNNERS.has(rootName(object))) found.push(violation(file, node, `.${property.name}`));
      }
      if (node.type === 'CallExpression' && isNode(callee) && SHORT_SWITCHES.has(String(callee.name))) {
        found.push(violation(file, node, String(callee.name)));
      }
    });
    return found;
  });
}

/** `describe.concurrent.skip` → `describe`. */
function rootName(node: unknown): string {
  if (!isNode(node)) return '';
  return node.type === 'MemberExpression' ? rootName(node.object) : String(node.name);
}

/** A file of tests, or a suite that every implementation of a port is held to. */
export function isTest(file: SourceFile): boolean {
  return /\.(test|contract)\.tsx?$/.test(file.path);
}

/** The titles of a file's tests and groups, with where they stand. */
export function titlesOf(file: SourceFile): { title: string; node: Node }[] {
  const titles: { title: string; node: Node }[] = [];
  walk(parse(file), (node) => {
    if (node.type !== 'CallExpression' || !RUNNERS.has(calledName(node.callee))) return;
    const [first] = node.arguments as Node[];
    if (first?.type === 'Literal' && typeof first.value === 'string') titles.push({ title: first.value, node });
    if (first?.type === 'TemplateLiteral') {
      // The parts between the `${…}`: an id is never made of a value.
      const quasis = first.quasis as { value: { raw: string } }[];
      titles.push({ title: quasis.map((quasi) => quasi.value.raw).join('…'), node });
    }
  });
  return titles;
}

/** `test(…)`, `test.each(…)(…)`, `test.each`…`(…)` → `test`. */
function calledName(callee: unknown): string {
  if (!isNode(callee)) return '';
  if (callee.type === 'CallExpression') return calledName(callee.callee);
  if (callee.type === 'TaggedTemplateExpression') return calledName(callee.tag);
  return rootName(callee);
}

/** Addresses of downloads in a lock file: they name one registry, and everyone else has another. */
export function lockViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.path.endsWith('package-lock.json'))
    .flatMap((file) =>
      [...file.text.matchAll(/"resolved": "\w+:\/\/[^"]*"/g)].map((m) =>
        violation(file, m.index, 'a download address'),
      ),
    );
}

/**
 * Packages for other platforms that a lock file does not name: `npm ci` then fails everywhere. They go missing when the
 * registry at hand does not have them all.
 */
export function lockGaps(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.path.endsWith('package-lock.json'))
    .flatMap((file) => {
      // npm's own format, version 3.
      const { packages } = JSON.parse(file.text) as { packages: Record<string, LockedPackage> };
      return Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
        Object.keys(optionalDependencies)
          .filter((name) => !isLocked(packages, place, name))
          .map((name) => `${file.path}: ${place || 'the project'} may need ${name}, which is not locked`),
      );
    });
}

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Whether a package is found from a place as Node finds it: in its own node_modules, or in one further out. */
function isLocked(packages: Readonly<Record<string, LockedPackage>>, place: string, name: string): boolean {
  for (let at = place; at !== '.' && at !== ''; at = dirname(at)) {
    if (packages[`${at}/node_modules/${name}`] !== undefined) return true;
  }
  return packages[`node_modules/${name}`] !== undefined;
}
