import { describe, expect, test } from 'vitest';
import { telemetryBatch, telemetryRecordsMax } from '../../core/wire/telemetry.ts';
import { createTelemetry, gatherMs } from '../../edge-node/src/telemetry.ts';
import { createFakeClock } from './fake-clock.ts';

function aTelemetry() {
  const clock = createFakeClock();
  const sent: ReturnType<typeof telemetryBatch.parse>[] = [];
  const line = { isConnected: true };
  const telemetry = createTelemetry({
    clock,
    memory: () => 90_000_000,
    send(batch) {
      if (line.isConnected) sent.push(telemetryBatch.parse(batch));
      return line.isConnected;
    },
  });
  return { clock, sent, line, telemetry };
}

describe('telemetry', () => {
  test('goes in one batch some seconds after the work, in the words of the wire', async () => {
    const { clock, sent, telemetry } = aTelemetry();
    telemetry.attempt('text.summarize', 'succeeded', 12);
    telemetry.attempt('code.outline', 'failed', 340);
    await clock.advance(gatherMs);
    expect(sent.map(({ records }) => records.map(({ name, value, attributes }) => [name, value, attributes]))).toEqual([
      [
        ['attempt.duration', 12, { operation: 'text.summarize', outcome: 'succeeded' }],
        ['attempt.duration', 340, { operation: 'code.outline', outcome: 'failed' }],
        ['device.memory', 90_000_000, undefined],
      ],
    ]);
  });

  test('of a device that does nothing is nothing', async () => {
    const { clock, sent, telemetry } = aTelemetry();
    await clock.advance(3_600_000);
    telemetry.attempt('a.b', 'succeeded', 1);
    await clock.advance(3_600_000);
    expect(sent).toHaveLength(1);
    expect(clock.waiting()).toBe(0);
  });

  test('[P15] waits for a connection, and keeps the newest when it waits long', async () => {
    const { clock, sent, telemetry, line } = aTelemetry();
    line.isConnected = false;
    for (let i = 0; i < telemetryRecordsMax * 2; i++) telemetry.attempt('a.b', 'succeeded', i);
    await clock.advance(gatherMs * 3);
    line.isConnected = true;
    await clock.advance(gatherMs);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.records).toHaveLength(telemetryRecordsMax);
    expect(sent[0]?.records.at(-2)?.value).toBe(telemetryRecordsMax * 2 - 1);
  });
});
