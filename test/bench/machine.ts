// What a measurement was taken on: machine, versions, commit. Absolute times mean little without it.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly workerd: string;
  readonly commit: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    workerd: versionOf(join(root, 'node_modules', 'workerd', 'package.json')),
    commit: commitOf(),
    at: new Date().toISOString(),
  };
}

/** The version in a package.json. */
export function versionOf(packageFile: string): string {
  return String((JSON.parse(readFileSync(packageFile, 'utf8')) as { version?: unknown }).version);
}

/** The commit, with a plus when there is more than it; unknown outside a checkout. */
function commitOf(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':!docs') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
