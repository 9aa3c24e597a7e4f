// A device that says as much as it may: full frames of facts, one after the other.

import { frameBytesMax, operationsPerDeviceMax } from '../../core/limits.ts';
import { connectOne, enrolOne } from './silent-devices.ts';

const FACTS = 100;
/** Leaves room for what stands around the facts. */
const factChars = Math.floor((frameBytesMax - 20_000) / FACTS);

export interface TalkingDevice {
  /** Sends one full frame. Resolves when it is committed. */
  say(kind: 'descriptions' | 'reports'): Promise<void>;
  close(): void;
}

export async function connectTalkingDevice(url: string, apiKey: string): Promise<TalkingDevice> {
  const { socket, epoch } = await connectOne(await enrolOne(url, apiKey, 0));
  let seq = 0;
  let told: ((frame: { type: string; seq?: number }) => void) | null = null;
  socket.on('message', (data) => told?.(JSON.parse(String(data))));
  socket.on('close', (code) => told?.({ type: `closed with ${code}` }));
  return {
    async say(kind) {
      const facts = Array.from({ length: FACTS }, (_, n) => ({
        seq: seq + n + 1,
        at: Date.now(),
        body: kind === 'descriptions' ? description(seq + n) : report(seq + n),
      }));
      seq += FACTS;
      const answered = new Promise<{ type: string; seq?: number }>((resolve) => {
        told = (frame) => {
          if (frame.type !== 'committed' || frame.seq === seq) resolve(frame);
        };
      });
      socket.send(JSON.stringify({ type: 'facts', epoch, facts }));
      const frame = await answered;
      if (frame.type !== 'committed') throw new Error(`a frame of facts was answered with ${JSON.stringify(frame)}`);
    },
    close: () => socket.terminate(),
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
