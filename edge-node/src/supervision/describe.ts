// What a device says of itself: its operations with schemas and prices, how many it does at once, how private it is. Said
// once for each change, and once in each epoch: a swarm that gave a new epoch may know an older device.

import { z } from 'zod';
import { sha256 } from '../../../core/hash.ts';
import { canonical } from '../../../core/json.ts';
import { operationsPerDeviceMax } from '../../../core/limits.ts';
import { type DeviceDescription, deviceDescription } from '../../../core/wire/device.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Operation } from '../operations/operation.ts';
import type { DeviceDatabase } from '../outbox/database.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { RefusedWithBody } from '../outbox/outbox-rows.ts';
import type { DeviceSettings } from '../settings.ts';
import { whenWritable } from '../when-writable.ts';
import type { AttemptStore } from './attempt-store.ts';

/** As it stands in the description. */
export const runtimeName = 'starling-edge/0.1.0';
const memoryName = 'described';

/** The parts of a description that do not come from the operations. */
export type DeviceTraits = Omit<DeviceDescription, 'operations'>;

/** The description of a device; throws when an operation is not one that may be offered: that is a defect of its file. */
export function describeDevice(traits: DeviceTraits, operations: readonly Operation[]): DeviceDescription {
  return deviceDescription.parse({
    ...traits,
    operations: operations.slice(0, operationsPerDeviceMax).map((operation) => ({
      name: operation.name,
      version: operation.version,
      summary: operation.summary,
      input: z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }),
      output: z.toJSONSchema(operation.output, { unrepresentable: 'any' }),
      priceMicro: operation.priceMicro,
      leaseMs: operation.leaseMs,
    })),
  });
}

export interface DescriberDeps {
  readonly database: DeviceDatabase;
  readonly store: AttemptStore;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: DeviceSettings;
  parallel(): number;
}

export interface Describer {
  /** These operations are offered from now on. */
  offer(operations: readonly Operation[]): void;
  /** Tells the swarm what the device is, if that is not what it was told last. */
  tell(): void;
  /** Tells it in any case. */
  tellAgain(): void;
  /** A description that was refused was not told. Part of the caller's transaction. */
  refused(facts: readonly RefusedWithBody[]): void;
}

export function createDescriber(deps: DescriberDeps): Describer {
  const { database, store, outbox, settings } = deps;
  let offered: readonly Operation[] | null = null;
  const tell = () =>
    whenWritable(deps, () => {
      // Before the first welcome there is no epoch to say it in; that welcome asks for it.
      if (offered === null || outbox.claim().epoch === 0) return;
      const traits = {
        runtime: `${runtimeName} node/${process.versions.node}`,
        platform: `${process.platform}-${process.arch}`,
        ...{ privacy: settings.privacy, capabilities: settings.capabilities, parallel: deps.parallel() },
      };
      const description = describeDevice(traits, offered);
      const digest = sha256(canonical(description));
      if (store.recall(memoryName) === digest) return;
      database.transaction(() => {
        store.remember(memoryName, digest);
        outbox.append([{ body: { type: 'device.described', description } }]);
      });
    });
  return {
    offer(operations) {
      offered = operations;
      tell();
    },
    tell,
    tellAgain() {
      store.remember(memoryName, null);
      tell();
    },
    refused(facts) {
      if (facts.some(({ body }) => body.type === 'device.described')) store.remember(memoryName, null);
    },
  };
}
