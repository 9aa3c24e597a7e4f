// Puts the simulator's platform in the place of workerd's: whoever loads this file first can import the objects' own classes
// in Node. Their randomness comes from the seed; everything else of `node:crypto` is the real thing.

import { registerHooks } from 'node:module';

const WORKERS = new URL('./workers-module.ts', import.meta.url).href;
const CRYPTO = new URL('./crypto-module.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'cloudflare:workers') return { url: WORKERS, shortCircuit: true };
    if (specifier === 'node:crypto' && context.parentURL?.includes('/durable-objects/') === true)
      return { url: CRYPTO, shortCircuit: true };
    return next(specifier, context);
  },
});
