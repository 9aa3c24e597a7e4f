// What code finds around it without asking (clocks, timers, chance, sockets) while a seed runs. Put in place for the time of
// one seed, and taken away after it.

import { isolateTurns } from '../../../durable-objects/turns.ts';
import type { Random } from '../random.ts';
import { SocketPair } from './socket-pair.ts';
import type { Timeline } from './virtual-time.ts';

export interface Simulated {
  readonly timeline: Timeline;
  readonly random: Random;
  /** What was written to the console, by level and event. */
  logged(level: string, text: string): void;
  /** Planted bugs of the modules that are seen through ours; false in an honest run. */
  readonly believesChunks?: boolean;
  readonly skipsChain?: boolean;
}

let inForce: Simulated | null = null;

/** The seed that runs. */
export function simulated(): Simulated {
  if (inForce === null) throw new Error('no seed runs');
  return inForce;
}

/** An answer as the objects make them: only what an upgrade needs. */
class UpgradeAnswer {
  readonly status: number;
  readonly webSocket: unknown;
  constructor(_body: unknown, { status = 200, webSocket = null }: { status?: number; webSocket?: unknown } = {}) {
    this.status = status;
    this.webSocket = webSocket;
  }
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  queueMicrotask: globalThis.queueMicrotask,
  now: Date.now,
  random: Math.random,
  console: { ...console },
  Response: globalThis.Response,
};

/** Runs `work` with the simulator's clock, timers, chance and sockets in the place of the machine's. */
export async function withGlobals<T>(seed: Simulated, work: () => Promise<T>): Promise<T> {
  const { timeline, random } = seed;
  inForce = seed;
  // Who waited in the seed before waits no more.
  isolateTurns.forget();
  const timers = new Map<number, () => void>();
  let timerIds = 0;
  const global = globalThis as unknown as Record<string, unknown>; // names that Node's types do not have
  global.setTimeout = (fn: () => void, ms = 0) => {
    const id = ++timerIds;
    const actor = timeline.current();
    timers.set(
      id,
      timeline.after(ms, actor, () => {
        timers.delete(id);
        fn();
      }),
    );
    return id;
  };
  global.clearTimeout = (id: number | undefined) => {
    if (id === undefined) return;
    timers.get(id)?.();
    timers.delete(id);
  };
  global.scheduler = { wait: (ms: number) => new Promise<void>((done) => setTimeout(done, ms)) };
  global.Response = UpgradeAnswer;
  global.WebSocketPair = SocketPair;
  global.WebSocketRequestResponsePair = class {};
  Date.now = timeline.wall;
  Math.random = random.next;
  for (const level of ['log', 'info', 'warn', 'error'] as const)
    console[level] = (text: unknown) => seed.logged(level, String(text));
  try {
    return await work();
  } finally {
    Object.assign(globalThis, {
      setTimeout: REAL.setTimeout,
      clearTimeout: REAL.clearTimeout,
      Response: REAL.Response,
    });
    Object.assign(console, REAL.console);
    Date.now = REAL.now;
    Math.random = REAL.random;
    inForce = null;
  }
}
