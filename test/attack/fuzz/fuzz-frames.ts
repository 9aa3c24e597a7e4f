// A device that proves its key and then sends what no device sends: frames of the protocol changed somewhere, and bytes that are
// no frames. The squad answers with what is documented, or closes with a code that is.

import type { Random } from '../../simulation/random.ts';
import type { World } from './a-world.ts';
import { mutatedText, odd } from './mutate-json.ts';
import { openRawSocket, type RawSocket, type SocketEnd, TEXT } from './raw-socket.ts';

export interface FrameFinding {
  readonly what: string;
  /** The frames that led to it, each cut short. */
  readonly sent: readonly string[];
}

/** Close codes of docs/reference/device-protocol.md, and of RFC 6455 for what is no WebSocket. */
const CODES: ReadonlySet<number | null> = new Set([
  4400,
  4401,
  4403,
  4408,
  4409,
  4413,
  4429,
  4503,
  1000,
  1002,
  1005,
  1007,
  1009,
  null,
]);
const FRAMES_MAX = 20;

/** One connection with up to `FRAMES_MAX` frames; answers how many were sent, and what was wrong. */
export async function fuzzFrames(
  url: string,
  world: World,
  random: Random,
): Promise<{ frames: number; finding: FrameFinding | null }> {
  const { device } = world;
  const protocols = random.pick(['starling.v1', 'starling.v1.1, starling.v1', 'starling.v9', '']);
  const headers = [
    `Authorization: Bearer ${device.credential}`,
    ...(protocols ? [`Sec-WebSocket-Protocol: ${protocols}`] : []),
  ];
  const opened = await openRawSocket(`${url}/v1/devices/connect`, headers);
  const sent: string[] = [];
  const wrong = (what: string) => ({ frames: sent.length, finding: { what, sent } });
  if (typeof opened === 'number')
    return opened >= 500 ? wrong(`the upgrade answered ${opened}`) : { frames: 0, finding: null };
  try {
    const first = await opened.next(20_000);
    if (typeof first !== 'string') return first === null ? wrong('no challenge in time') : { frames: 0, finding: null };
    const proved = random.chance(0.9) ? await prove(opened, first, world) : null;
    for (let n = random.between(1, FRAMES_MAX); n > 0; n--) {
      sent.push(sendOne(opened, proved, device.did, random));
      if (!random.chance(0.3)) continue;
      const found = await heard(opened, 5);
      if (found === 'closed') break;
      if (found !== null) return wrong(found);
    }
    const found = await heard(opened, 100);
    return found === null || found === 'closed' ? { frames: sent.length, finding: null } : wrong(found);
  } finally {
    opened.close();
  }
}

/** The epoch of this connection; null when it was not let in. */
async function prove(socket: RawSocket, challenge: string, { device }: World): Promise<number | null> {
  const { audience, nonce } = JSON.parse(challenge) as { audience: string; nonce: string };
  const text = JSON.stringify({ audience, device: device.id, nonce, protocol: 'starling.v1' });
  const frame = { type: 'prove', did: device.did, signature: device.sign(text), epoch: 0, seq: 0 };
  socket.send(Buffer.from(JSON.stringify(frame)));
  const welcome = await socket.next(20_000);
  if (typeof welcome !== 'string') return null;
  return (JSON.parse(welcome) as { epoch?: number }).epoch ?? null;
}

/** Hears what has come; says what is wrong with it. */
async function heard(socket: RawSocket, ms: number): Promise<string | 'closed' | null> {
  for (;;) {
    const one: string | SocketEnd | null = await socket.next(ms);
    if (one === null) return null;
    if (typeof one !== 'string') return CODES.has(one.code) ? 'closed' : `closed with ${one.code}`;
    if (/The squad failed|\.ts:\d|Error:/.test(one)) return `said ${one.slice(0, 200)}`;
  }
}

function sendOne(socket: RawSocket, epoch: number | null, did: string, random: Random): string {
  const text = mutatedText(frameLike(epoch ?? 1, did, random), random);
  if (random.chance(0.9)) {
    const bytes = random.chance(0.95)
      ? Buffer.from(text)
      : Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xc0])]);
    socket.send(bytes, random.chance(0.97) ? TEXT : random.pick([0x82, 0x01, 0x80, 0x83, 0x8b, 0xc1, 0x89, 0x8a]));
    return text.slice(0, 300);
  }
  const said = random.pick([
    () => socket.send(Buffer.from('ping')),
    () => socket.send(Buffer.alloc(random.pick([0, 125, 126, 65_536, 1_000_000]), 0x61)),
    () => socket.send(Buffer.from(text), TEXT, false),
    () => socket.sendBytes(Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    () => socket.sendBytes(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])),
    () => socket.sendBytes(Buffer.from([random.between(0, 255), random.between(0, 255), 0, 0, 0, 0])),
  ]);
  said();
  return 'bytes';
}

function frameLike(epoch: number, did: string, random: Random): unknown {
  const attempt = { attempt: 'att_01kf2m8z3n5q7r9t1v3x5z7a9b', task: 'tsk_01kf2m8z3n5q7r9t1v3x5z7a9b', fence: 1 };
  const description = {
    ...{ runtime: 'r', platform: 'p', privacy: 'trusted', parallel: 1, capabilities: [] },
    operations: [{ name: 'a.b', version: '1.0.0', summary: '', input: {}, output: {}, priceMicro: 1, leaseMs: 60_000 }],
  };
  const bodies = [
    { type: 'device.described', description },
    { type: 'device.reported', version: 1, reported: { a: 1 } },
    { type: 'attempt.started', ...attempt },
    { type: 'attempt.progressed', ...attempt, fraction: 0.5 },
    { type: 'attempt.succeeded', ...attempt, result: { a: 1 }, durationMs: 1 },
    { type: 'attempt.failed', ...attempt, error: { code: 'a', message: 'm', retryable: true }, durationMs: 1 },
    { type: 'attempt.declined', ...attempt, code: 'a', message: 'm' },
    { type: 'facts.dropped', count: 1, reason: 'r' },
  ];
  const facts = Array.from({ length: random.pick([1, 1, 2, 100]) }, (_, n) => ({
    ...{ seq: n + 1, at: 1_790_000_000_000 },
    body: random.among(bodies),
  }));
  return random.pick<() => unknown>([
    () => ({ type: 'facts', epoch, facts }),
    () => ({ type: 'facts', epoch, facts }),
    () => ({ type: 'taken', orders: ['ord_01kf2m8z3n5q7r9t1v3x5z7a9b'] }),
    () => ({ type: 'telemetry', batch: { metrics: [], n: odd(random) } }),
    () => ({ type: 'held', checkpoint: null }),
    () => ({
      type: 'held',
      checkpoint: { origin: 'a/b', size: 1, head: 'x', root: 'y', at: 1, signature: 'z', publicKey: 'k' },
    }),
    () => ({ type: 'prove', did, signature: 'x', epoch: 0, seq: 0 }),
  ])();
}
