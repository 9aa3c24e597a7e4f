// Telemetry: what a device measures, too often to be a fact. A batch goes from the device through its squad to a queue
// as it came; only the consumer at the queue's end parses it.

import { z } from 'zod';
import { idOf } from './terms.ts';

/** Records of one batch. */
export const telemetryRecordsMax = 1_000;
/** UTF-8 bytes of one batch, so that it fits a queue message with its envelope: the platform's limit is 128,000. */
export const telemetryBatchBytesMax = 100_000;
/** Attributes of one record. */
export const telemetryAttributesMax = 32;
/** Times after the year 2100 are a broken clock, and would not fit every reader. */
const timeMax = 4_102_444_800_000;

/** One measurement. `at` is the device's clock, milliseconds since the epoch. */
export const telemetryRecord = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.:/-]*$/, 'expected a name such as battery.voltage'),
  at: z.number().int().min(0).max(timeMax),
  value: z.number().optional(),
  text: z.string().max(8_192).optional(),
  attributes: z
    .record(z.string().min(1).max(64), z.union([z.string().max(1_024), z.number(), z.boolean()]))
    .refine((attributes) => Object.keys(attributes).length <= telemetryAttributesMax, {
      message: `at most ${telemetryAttributesMax} attributes`,
    })
    .optional(),
});
export type TelemetryRecord = z.infer<typeof telemetryRecord>;

/** What a device sends. */
export const telemetryBatch = z.strictObject({
  records: z.array(telemetryRecord).min(1).max(telemetryRecordsMax),
});

/**
 * What a squad puts into the queue. `batch` is the device's own, and the squad looks no further than that it is an
 * object. `receivedAt` is the squad's clock; it decides where the batch is stored.
 */
export const telemetryMessage = z.strictObject({
  tenant: idOf('tnt'),
  swarm: idOf('swm'),
  device: idOf('dev'),
  receivedAt: z.number().int().min(0).max(timeMax),
  batch: z.record(z.string(), z.unknown()),
});
export type TelemetryMessage = z.infer<typeof telemetryMessage>;
