// The newest checkpoint of a swarm, held in object storage: outside of the swarm's own database, so that one that was rolled
// back or rewritten is noticed. One small object a swarm, replaced by each newer one.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { checkpoint as checkpointSchema } from '../../core/wire/resources.ts';

export interface Outside {
  /** What is held for this origin (`tenant/swarm`); null when nothing is. @throws when the place cannot be reached */
  read(origin: string): Promise<SignedCheckpoint | null>;
  /** Holds this one from now on. @throws when the place cannot be reached */
  write(checkpoint: SignedCheckpoint): Promise<void>;
}

/** Held in an object store, as `checkpoints/<tenant>/<swarm>.json`. */
export function outsideCheckpoint(objects: ObjectStore): Outside {
  return {
    async read(origin) {
      const bytes = await objects.get(keyOf(origin));
      if (bytes === null) return null;
      const parsed = checkpointSchema.safeParse(parse(new TextDecoder().decode(bytes)));
      return parsed.success ? parsed.data : NOTHING_READABLE;
    },
    async write(checkpoint) {
      const bytes = new TextEncoder().encode(`${JSON.stringify(checkpoint)}\n`);
      await objects.put(keyOf(checkpoint.origin), bytes, { contentType: 'application/json' });
    },
  };
}

function keyOf(origin: string): string {
  return `checkpoints/${origin}.json`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not what was written there: the schema says so
  }
}

/** Something lies there that is no checkpoint. Its signature holds nowhere, so whoever reads it says that. */
const NOTHING_READABLE: SignedCheckpoint = {
  origin: '',
  size: 0,
  head: '',
  root: '',
  at: 0,
  signature: '',
  publicKey: '',
};
