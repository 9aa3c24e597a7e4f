// Follows imports between the files of one folder, to say which declaration a name means. Only files of the folder count:
// packages, and paths that a configuration would map, are foreign, save the usual `@/`, `~/` and `#` prefixes.

import { posix } from 'node:path';
import type { ForeignName, ModuleLinks } from './module-links.ts';

/** A declaration: the file it is in and its name there. */
export interface Target {
  readonly path: string;
  readonly name: string;
}

/** Answers what the names of the files added to it mean. */
export interface ModuleIndex {
  add(path: string, links: ModuleLinks, declared: ReadonlySet<string>): void;
  /** What a name at the top level of a file means, or null when it is foreign or unknown. */
  meaningOf(path: string, name: string): Target | null;
  /** What a name that a file takes from another means. */
  meaningOfForeign(path: string, foreign: ForeignName): Target | null;
  /** Whether a name at the top level of a file is imported. */
  importOf(path: string, name: string): ForeignName | null;
}

interface Module {
  readonly links: ModuleLinks;
  readonly declared: ReadonlySet<string>;
}

/** Longer chains of re-exports are circles or worse. */
const hopsMax = 12;

const extensions = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.d.ts'];

/** An index over the files of one folder; `paths` are all of them, relative, with `/`. */
export function moduleIndex(paths: readonly string[]): ModuleIndex {
  const files = new Set(paths);
  const modules = new Map<string, Module>();

  function exported(path: string, name: string, hops: number): Target | null {
    const module = modules.get(path);
    if (module === undefined || hops > hopsMax) return null;
    const known = module.links.exports.get(name);
    if (known !== undefined) {
      return 'local' in known ? local(path, known.local, hops + 1) : foreign(path, known, hops + 1);
    }
    if (name === 'default') return null; // `export *` passes on everything but the default.
    for (const source of module.links.stars) {
      const target = foreign(path, { source, name }, hops + 1);
      if (target !== null) return target;
    }
    return null;
  }

  function local(path: string, name: string, hops: number): Target | null {
    const module = modules.get(path);
    const imported = module?.links.imports.get(name);
    if (imported !== undefined) return foreign(path, imported, hops + 1);
    return module?.declared.has(name) ? { path, name } : null;
  }

  function foreign(path: string, { source, name }: ForeignName, hops: number): Target | null {
    const file = fileOf(path, source, files);
    return file === null || name === '*' ? null : exported(file, name, hops + 1);
  }

  return {
    add: (path, links, declared) => void modules.set(path, { links, declared }),
    meaningOf: (path, name) => local(path, name, 0),
    meaningOfForeign: (path, name) => foreign(path, name, 0),
    importOf: (path, name) => modules.get(path)?.links.imports.get(name) ?? null,
  };
}

/** The file that a source means when written in `from`, or null when it is not of the folder. */
function fileOf(from: string, source: string, files: ReadonlySet<string>): string | null {
  if (source.startsWith('.')) return withExtension(posix.join(posix.dirname(from), source), files);
  const mapped = /^(?:[@~]\/|#)(.+)$/.exec(source)?.[1];
  if (mapped === undefined) return null;
  for (const base of ['', 'src/', 'app/', 'lib/']) {
    const file = withExtension(base + mapped, files);
    if (file !== null) return file;
  }
  return null;
}

function withExtension(path: string, files: ReadonlySet<string>): string | null {
  if (files.has(path)) return path;
  // TypeScript sources are imported by the name of the file they are compiled to.
  const bare = path.replace(/\.([cm]?)jsx?$/, '');
  for (const base of bare === path ? [path] : [bare, path]) {
    for (const extension of extensions) {
      if (files.has(base + extension)) return base + extension;
      if (files.has(`${base}/index${extension}`)) return `${base}/index${extension}`;
    }
  }
  return null;
}
