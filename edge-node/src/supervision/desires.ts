// What the swarm wants this device to be, as far as its owner allows: the desired state is remembered, what became of it is
// reported under the same version.

import { z } from 'zod';
import { cutText } from '../../../core/cut-text.ts';
import type { Json, JsonObject } from '../../../core/json.ts';
import type { FactBody } from '../../../core/wire/device.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { DeviceSettings } from '../settings.ts';
import type { AttemptStore } from './attempt-store.ts';

const memoryName = 'desired';
const ignoredShownMax = 20;
const remembered = z.object({ version: z.number(), parallel: z.number().int().min(1).max(64).nullable() });

export interface Desires {
  /** Takes a desired state; an older one than the last is only reported on. Part of the caller's transaction. */
  take(version: number, desired: JsonObject): void;
  /** Attempts at once: what the swarm wants, never more than the owner allows. */
  parallel(): number;
}

export interface DesiresDeps {
  readonly store: AttemptStore;
  readonly outbox: Outbox;
  readonly settings: DeviceSettings;
}

export function createDesires({ store, outbox, settings }: DesiresDeps): Desires {
  const stored = store.recall(memoryName);
  let current = stored === null ? { version: 0, parallel: null } : remembered.parse(JSON.parse(stored));
  const effective = () => Math.min(current.parallel ?? settings.parallel, settings.parallel);
  return {
    parallel: effective,
    take(version, desired) {
      if (version >= current.version) {
        const parallel = remembered.shape.parallel.safeParse(desired.parallel ?? null);
        current = { version, parallel: parallel.success ? parallel.data : null };
        store.remember(memoryName, JSON.stringify(current));
      }
      const ignored = Object.keys(desired).filter((name) => name !== 'parallel');
      const reported: Record<string, Json> = { parallel: effective() };
      if (ignored.length > 0)
        reported.ignored = ignored.slice(0, ignoredShownMax).map((name) => cutText(name.toWellFormed(), 100));
      // `Json` has readonly arrays, the schema's type has not: the value is the same.
      outbox.append([{ body: { type: 'device.reported', version: current.version, reported } as FactBody }]);
    },
  };
}
