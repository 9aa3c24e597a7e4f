// Builders for the tests of operations: a folder of files that is removed after the test, and a context over it.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { OperationContext } from '../../../edge-node/src/operations/operation.ts';
import { createPermissions, type FolderGrant } from '../../../edge-node/src/permissions.ts';

/** A new folder with these files; its real path. */
export function aFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'starling-operations-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** A context that grants these folders, reading and running unconfined unless said otherwise. */
export function aContext(
  folders: string | readonly FolderGrant[],
  changes: Partial<OperationContext> = {},
): OperationContext {
  const grants =
    typeof folders === 'string' ? [{ path: folders, read: true, run: false, runUnconfined: true }] : folders;
  return {
    signal: new AbortController().signal,
    permissions: createPermissions(grants),
    progress: () => {},
    now: () => performance.now(),
    ...changes,
  };
}

/** A context whose run is aborted as soon as it reports progress. */
export function anAbortedContext(folder: string, reason: Error): OperationContext {
  const controller = new AbortController();
  return aContext(folder, { signal: controller.signal, progress: () => controller.abort(reason) });
}
