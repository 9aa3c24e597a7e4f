// A device that says as much as it can: full frames of facts, one after the other, whether they are answered or not. One that is
// above its share is slowed, and then sent away; it connects again, as a hostile one would.

import { frameBytesMax, operationsPerDeviceMax } from '../../core/limits.ts';
import { connectOne, enrolOne } from './silent-devices.ts';

const FACTS = 100;
/** Leaves room for what stands around the facts. */
const factChars = Math.floor((frameBytesMax - 20_000) / FACTS);

export interface TalkingDevice {
  /** Sends one full frame, on a new connection when the last one was closed. Waits for no answer. */
  say(kind: 'descriptions' | 'reports'): Promise<void>;
  close(): void;
}

type Connected = Awaited<ReturnType<typeof connectOne>>;

export async function connectTalkingDevice(url: string, apiKey: string): Promise<TalkingDevice> {
  const device = await enrolOne(url, apiKey, 0);
  let open: Connected | null = null;
  let seq = 0;

  /** Null while the device is refused because it is above its share. */
  async function connected(): Promise<Connected | null> {
    if (open !== null) return open;
    open = await connectOne(device).catch(() => null);
    seq = 0;
    open?.socket.on('close', () => {
      open = null;
    });
    return open;
  }

  await connected();
  return {
    async say(kind) {
      const now = await connected();
      if (now === null) return;
      const facts = Array.from({ length: FACTS }, (_, n) => ({
        seq: seq + n + 1,
        at: Date.now(),
        body: kind === 'descriptions' ? description(seq + n) : report(seq + n),
      }));
      seq += FACTS;
      now.socket.send(JSON.stringify({ type: 'facts', epoch: now.epoch, facts }));
    },
    close: () => open?.socket.terminate(),
  };
}

/** As many operations as fit, each with another price than before: every one of them is an event. */
function description(n: number): object {
  const operations = Array.from({ length: Math.min(operationsPerDeviceMax, Math.floor(factChars / 140)) }, (_, i) => ({
    name: `bench.op${i}`,
    version: '1.0.0',
    summary: '',
    input: {},
    output: {},
    priceMicro: 1 + (n % 2),
    leaseMs: 60_000,
  }));
  const said = { runtime: 'bench', platform: 'bench', privacy: 'internal', parallel: 1, capabilities: [], operations };
  return { type: 'device.described', description: said };
}

function report(n: number): object {
  return { type: 'device.reported', version: 0, reported: { n, text: 'x'.repeat(factChars - 200) } };
}
