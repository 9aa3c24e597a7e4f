// What every `TelemetrySink` promises, whichever queue is behind it. Each implementation brings a sink and a way to see what
// came out of its queue.

import { beforeEach, expect, test } from 'vitest';
import type { TelemetrySink } from '../../core/telemetry/port.ts';
import { type TelemetryMessage, telemetryBatchBytesMax } from '../../core/wire/telemetry.ts';
import { aMessage, aRecord, device } from '../telemetry/queue-batch.ts';

export interface SinkUnderTest {
  readonly sink: TelemetrySink;
  /** Everything that has come out of the queue since `empty`. */
  received(): Promise<readonly unknown[]>;
  empty(): Promise<void>;
}

/** The largest that a squad lets through. */
function full(n: number): TelemetryMessage {
  const batch = { records: [{ ...aRecord({ value: n }), text: '' }] };
  const room = telemetryBatchBytesMax - Buffer.byteLength(JSON.stringify(batch));
  return aMessage([{ ...aRecord({ value: n }), text: 'x'.repeat(room) }]);
}

/** The suite; call it inside a `describe` that names the implementation. */
export function telemetrySinkContract(open: () => SinkUnderTest): void {
  const arrived = async (count: number) => {
    await expect.poll(async () => (await open().received()).length, { timeout: 10_000 }).toBe(count);
    return await open().received();
  };
  beforeEach(() => open().empty());

  test('[SINK-1] a message arrives as it was sent', async () => {
    const message = aMessage([aRecord({ attributes: { unit: 'V', ok: true, n: 0.1 } }), aRecord({ value: -1.5e-300 })]);
    await open().sink.send([message]);
    expect(await arrived(1)).toEqual([message]);
  });

  test('[SINK-1] any text arrives as it was sent, whatever the queue thinks of its characters', async () => {
    const text = `\u0000\u0008\u001f"\\ é ✓ 𝄞 \u007f\u0085\u2028\ufffe\uffff \ud800 end`;
    const message = aMessage([aRecord({ text, attributes: { [text.slice(4, 20)]: text } })]);
    await open().sink.send([message]);
    expect(await arrived(1)).toEqual([message]);
  });

  test('[SINK-2] more messages than the queue takes in one call all arrive', { timeout: 20_000 }, async () => {
    const messages = Array.from({ length: 230 }, (_, value) => aMessage([aRecord({ value })]));
    await open().sink.send(messages);
    const values = (await arrived(messages.length)).map((body) => JSON.stringify(body));
    expect(values.toSorted()).toEqual(messages.map((message) => JSON.stringify(message)).toSorted());
  });

  test('[SINK-2] a dozen of the largest messages all arrive', { timeout: 20_000 }, async () => {
    const messages = Array.from({ length: 12 }, (_, n) => full(n));
    expect(Buffer.byteLength(JSON.stringify(messages[0]?.batch))).toBe(telemetryBatchBytesMax);
    await open().sink.send(messages);
    const bodies = (await arrived(messages.length)) as TelemetryMessage[];
    expect(bodies.map((body) => JSON.stringify(body)).toSorted()).toEqual(
      messages.map((message) => JSON.stringify(message)).toSorted(),
    );
  });

  test('[SINK-3] no messages are sent without a call', async () => {
    await open().sink.send([]);
    await open().sink.send([aMessage([aRecord()], { device: device(2) })]);
    expect(await arrived(1)).toMatchObject([{ device: device(2) }]);
  });
}
