// Puts the simulator's platform in the place of workerd's: whoever loads this file first can import the objects' own classes
// in Node. Their randomness comes from the seed; everything else of `node:crypto` is the real thing. A few of the project's own
// modules are seen through one of the simulator's, which changes what a seed changes: sizes, the code's version, a planted bug.

import { registerHooks } from 'node:module';

const here = (path: string): string => new URL(path, import.meta.url).href;
const WORKERS = here('./workers-module.ts');
const CRYPTO = here('./crypto-module.ts');
/** Modules, and through which of ours they are seen; ours see the real ones. */
const SEEN_THROUGH: Readonly<Record<string, string>> = {
  [here('../../../core/limits.ts')]: here('./limits-module.ts'),
  [here('../../../core/history/state-tree.ts')]: here('./state-tree-module.ts'),
  [here('../../../core/imports/check.ts')]: here('./import-check-module.ts'),
  [here('../../../durable-objects/snapshot-files.ts')]: here('./snapshot-files-module.ts'),
};
const OURS = new Set(Object.values(SEEN_THROUGH));

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'cloudflare:workers') return { url: WORKERS, shortCircuit: true };
    if (specifier === 'node:crypto' && context.parentURL?.includes('/durable-objects/') === true)
      return { url: CRYPTO, shortCircuit: true };
    const resolved = next(specifier, context);
    const ours = SEEN_THROUGH[resolved.url];
    return ours === undefined || OURS.has(context.parentURL ?? '') ? resolved : { ...resolved, url: ours };
  },
});
