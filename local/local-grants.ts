// What the device of a local platform may read: what this repository is made of, by name, and not whatever else lies in its
// folder (a home under another name, a `.env`, somebody's notes).

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FolderGrant } from '../edge-node/src/permissions.ts';

/** The repository's own folders that hold code, sorted by name; and what else the first mission and the guides read. */
const CODE = ['core', 'durable-objects', 'edge-node', 'functions', 'local', 'migrations', 'test'];
const TEXT = ['docs', 'README.md', 'CHANGELOG.md'];

/** The folders with code that are there. */
export function foldersOf(root: string): string[] {
  return CODE.filter((folder) => existsSync(join(root, folder)));
}

/** The root itself grants nothing: it stands first because relative paths begin there. */
export function localGrants(root: string): FolderGrant[] {
  const read = [...CODE, ...TEXT].filter((name) => existsSync(join(root, name)));
  return [
    { path: root, read: false, run: false, runUnconfined: false },
    ...read.map((name) => ({ path: join(root, name), read: true, run: false, runUnconfined: false })),
  ];
}
