// What the device measures of its work: sent in batches while it is connected, lost when it is not for long. It is no fact:
// a device that does nothing sends nothing, so that its squad may sleep.

import { type TelemetryRecord, telemetryRecordsMax } from '../../core/wire/telemetry.ts';
import type { Clock } from './clock.ts';

/** Measurements wait so long for others, and so often for a connection. */
export const gatherMs = 5_000;

export interface TelemetryDeps {
  readonly clock: Clock;
  /** False when there is no connection. */
  send(batch: { readonly records: readonly TelemetryRecord[] }): boolean;
  /** Bytes of memory that this process holds. */
  memory(): number;
}

export interface Telemetry {
  /** An attempt has ended. */
  attempt(operation: string, outcome: string, durationMs: number): void;
}

export function createTelemetry({ clock, send, memory }: TelemetryDeps): Telemetry {
  let records: TelemetryRecord[] = [];
  let isWaiting = false;
  const flush = () => {
    const state: TelemetryRecord = { name: 'device.memory', at: clock.now(), value: memory() };
    isWaiting = !send({ records: [...records, state] });
    if (isWaiting) clock.after(gatherMs, flush);
    else records = [];
  };
  return {
    attempt(operation, outcome, durationMs) {
      records.push({
        name: 'attempt.duration',
        at: clock.now(),
        value: durationMs,
        attributes: { operation, outcome },
      });
      // Room for the one that flush adds; the oldest goes first.
      if (records.length >= telemetryRecordsMax) records.shift();
      if (isWaiting) return;
      isWaiting = true;
      clock.after(gatherMs, flush);
    },
  };
}
