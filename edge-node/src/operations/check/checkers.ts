// The compilers and linters that are known, how each is told to report in a form that can be read, and how to see that a
// folder uses it.

import { join } from 'node:path';
import type { Permissions } from '../../permissions.ts';
import { type DiagnosticReader, readEslint, readOxlint, readRdjson, readTypescript } from './diagnostic.ts';
import type { Manifest } from './find-program.ts';

/** Names by which a call can ask for one. */
export const checkerNames = ['typescript', 'biome', 'eslint', 'oxlint'] as const;

/** A compiler or linter of the npm world. */
export interface Checker {
  readonly name: (typeof checkerNames)[number];
  readonly packageName: string;
  readonly binName: string;
  /** Files of which one in the folder says that it is used there. */
  readonly configurations: readonly string[];
  /** Whether naming it among the dependencies is enough. */
  readonly worksBare: boolean;
  readonly arguments: readonly string[];
  readonly read: DiagnosticReader;
}

/** In the order they are run: types before style. */
export const checkers: readonly Checker[] = [
  {
    name: 'typescript',
    packageName: 'typescript',
    binName: 'tsc',
    configurations: ['tsconfig.json'],
    worksBare: false,
    arguments: ['--noEmit', '--pretty', 'false', '--project', '.'],
    read: readTypescript,
  },
  {
    name: 'biome',
    packageName: '@biomejs/biome',
    binName: 'biome',
    configurations: ['biome.json', 'biome.jsonc', '.biome.json', '.biome.jsonc'],
    worksBare: true,
    arguments: ['lint', '--reporter=rdjson', '--max-diagnostics=2000', '--colors=off', '.'],
    read: readRdjson,
  },
  {
    name: 'eslint',
    packageName: 'eslint',
    binName: 'eslint',
    configurations: ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts'].map((extension) => `eslint.config.${extension}`),
    worksBare: false,
    arguments: ['--format', 'json', '.'],
    read: readEslint,
  },
  {
    name: 'oxlint',
    packageName: 'oxlint',
    binName: 'oxlint',
    configurations: ['.oxlintrc.json', '.oxlintrc.jsonc'],
    worksBare: true,
    // Without a .gitignore it would check the dependencies too.
    arguments: ['--format', 'json', '--ignore-pattern', '**/node_modules/**', '.'],
    read: readOxlint,
  },
];

/** Whether a folder says that it uses a checker. */
export function usesChecker(
  checker: Checker,
  folder: string,
  manifest: Manifest | null,
  permissions: Permissions,
): boolean {
  if (checker.configurations.some((file) => isThere(join(folder, file), permissions))) return true;
  const named = { ...manifest?.dependencies, ...manifest?.devDependencies };
  return checker.worksBare && Object.hasOwn(named, checker.packageName);
}

function isThere(path: string, permissions: Permissions): boolean {
  try {
    permissions.runnable(path);
    return true;
  } catch {
    return false; // Missing or withheld: not for us either way.
  }
}
