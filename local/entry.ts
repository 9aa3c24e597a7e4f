// Miniflare's own entry into workerd, out of reach. It is made for development: it serves every bucket without a key and
// believes whatever address a caller claims. Miniflare opens it on a TCP port and no option closes that; so workerd is started
// through workerd.sh, which puts it on a Unix socket in a folder that is its owner's alone (docs/decisions/0027). Nobody calls it.

import { createRequire } from 'node:module';
import { join } from 'node:path';

const wrapper = join(import.meta.dirname, 'workerd.sh');
const ENTRY = '--socket-addr=entry=';

/** False on Windows, which has no such wrapper: there the entry stays on a port of 127.0.0.1. */
export const isEntryHidden = process.platform !== 'win32';

/**
 * Lets every workerd of this process start through the wrapper, and gives the variables that one workerd needs to hide its entry.
 * Without them the wrapper changes nothing.
 * @param folder of mode 0700; the socket is made in it
 */
export function hiddenEntry(folder: string): Record<string, string> {
  if (!isEntryHidden) return {};
  process.env.STARLING_WORKERD ??= process.env.MINIFLARE_WORKERD_PATH ?? installedWorkerd();
  process.env.MINIFLARE_WORKERD_PATH = wrapper;
  return { STARLING_ENTRY_FOLDER: folder };
}

/** The command line that the system shows for a workerd, from the arguments that it was started with. */
export function commandLine(spawned: readonly string[]): string {
  const [program, ...rest] = spawned;
  if (program !== wrapper) return spawned.join(' ');
  return [
    process.env.STARLING_WORKERD,
    ...rest.map((arg) => (arg.startsWith(ENTRY) ? `${ENTRY}unix:entry` : arg)),
  ].join(' ');
}

/** The program that Miniflare would start. */
function installedWorkerd(): string {
  const ofMiniflare = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  // The package exports its program's path.
  return (ofMiniflare('workerd') as { default: string }).default;
}
