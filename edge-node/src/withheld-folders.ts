// Which folders below the grants are withheld, and by which rule: for a person who wants to see it. The same rules as when a
// file is asked for, over a bounded look; what is beyond it is withheld all the same.

import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPermissions, type FolderGrant } from './permissions.ts';
import { createWithholding, type WithheldBy } from './withheld.ts';

export interface WithheldFolder {
  readonly path: string;
  readonly rule: WithheldBy;
}

export interface WithheldFolders {
  readonly folders: readonly WithheldFolder[];
  /** False when there are more folders than were looked at. */
  readonly complete: boolean;
}

/** Folders looked at, breadth first: enough for a checkout, quick on a whole disk. */
export const lookedAtMax = 5_000;

/** Folders that hold many others and nothing of ours. */
const passedOver = new Set(['node_modules', 'objects']);

export function withheldFolders(grants: readonly FolderGrant[], homes: readonly string[]): WithheldFolders {
  const ruleOf = createWithholding(homes);
  const isGranted = createPermissions(grants, homes);
  const folders: WithheldFolder[] = [];
  const queue = [...new Set(grants.filter(({ read }) => read).map(({ path }) => path))];
  const seen = new Set(queue);
  let looked = 0;
  for (const path of queue) {
    looked += 1;
    if (looked > lookedAtMax) return { folders, complete: false };
    const rule = ruleOf(path);
    if (rule !== null) {
      folders.push({ path, rule });
      continue; // Everything below it goes by the same rule.
    }
    if (!mayRead(isGranted, path)) continue;
    for (const entry of entriesOf(path)) {
      const below = join(path, entry.name);
      if (!entry.isDirectory() || passedOver.has(entry.name) || seen.has(below)) continue;
      seen.add(below);
      queue.push(below);
    }
  }
  return { folders, complete: true };
}

function mayRead(permissions: ReturnType<typeof createPermissions>, path: string): boolean {
  try {
    permissions.readable(path);
    return true;
  } catch {
    return false; // A more specific grant takes it out, or it is gone.
  }
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return []; // Not ours to look at: then nothing in it can be read either.
  }
}
