// A runtime that compiled its own TypeScript keeps about 25 MB of compiler for as long as it lives. So on the very first
// start the code is compiled, what came of it is kept (Node's compile cache), and the process begins again in its place:
// same pid, same streams, half the memory of its own.

import { readdirSync } from 'node:fs';
import * as module from 'node:module';

/** Set in the environment of the second beginning, so that there is no third. */
const mark = 'STARLING_COMPILED';

/** What of the process is used; `replace` does not come back. */
export interface LeanStartDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where compiled code is kept, if it is. */
  cacheFolder(): string | undefined;
  /** Loads all the code that the runtime will need. */
  load(): Promise<unknown>;
  flush(): void;
  replace: ((env: Record<string, string>) => void) | null;
}

/** Begins again if code had to be compiled just now and was kept; else returns. Nothing may be open yet. */
export async function startLean(deps: LeanStartDeps): Promise<void> {
  const folder = deps.cacheFolder();
  if (folder === undefined || deps.replace === null || deps.env[mark] !== undefined) return;
  const before = count(folder);
  await deps.load();
  deps.flush();
  if (count(folder) === before) return;
  const env = Object.fromEntries(
    Object.entries(deps.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  deps.replace({ ...env, [mark]: '1' });
}

function count(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0; // A cache that cannot be looked at keeps nothing: both counts are nought, and nothing is begun again.
  }
}

/** This process. It cannot be replaced on Windows, nor with a channel to its parent, which would break. */
export const thisProcess: LeanStartDeps = {
  env: process.env,
  cacheFolder: () => module.getCompileCacheDir(),
  load: () => import('../operations/index.ts'),
  flush: () => module.flushCompileCache(),
  replace:
    process.platform === 'win32' || process.send !== undefined || process.execve === undefined
      ? null
      : (env) =>
          process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], env),
};
