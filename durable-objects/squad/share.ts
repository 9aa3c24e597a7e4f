// What one device may send its squad, whatever socket it comes by: frames, facts by their weight, and bytes; and how often it may
// come in. Beyond it, what it sends waits: its frames stand in its own lane and hold up nobody else.

import type { DeviceId } from '../../core/ids.ts';
import {
  deviceBytesBurstMax,
  deviceBytesPerSecondMax,
  deviceFactsBurstMax,
  deviceFactsPerSecondMax,
} from '../../core/limits.ts';
import { type Bucket, type Rate, take } from '../rate.ts';
import { attachmentOf, type Socket } from './socket.ts';
import { admissionsBurstMax, admissionsPerMinuteMax, framesBurstMax, framesPerSecondMax } from './squad-limits.ts';

const RATES = {
  frames: { perSecond: framesPerSecondMax, burst: framesBurstMax },
  facts: { perSecond: deviceFactsPerSecondMax, burst: deviceFactsBurstMax },
  bytes: { perSecond: deviceBytesPerSecondMax, burst: deviceBytesBurstMax },
  admissions: { perSecond: admissionsPerMinuteMax / 60, burst: admissionsBurstMax },
} as const satisfies Record<string, Rate>;
type Kind = keyof typeof RATES;

/** What something costs of each kind; what is not named costs nothing. */
export type Cost = { readonly [K in Kind]?: number };

/** The shares of the devices of one squad, in memory: a device that floods keeps the object awake. */
export type Shares = Map<DeviceId, Partial<Record<Kind, Bucket>>>;

/** Takes all of it, or nothing and says how long to wait; 0 when it was taken. */
export function takeShare(shares: Shares, device: DeviceId, cost: Cost, now: number): number {
  const held = shares.get(device) ?? {};
  const next: Partial<Record<Kind, Bucket>> = { ...held };
  let waitMs = 0;
  for (const kind of Object.keys(cost) as Kind[]) {
    const taken = take(held[kind], cost[kind] ?? 0, now, RATES[kind]);
    if ('bucket' in taken) next[kind] = taken.bucket;
    else waitMs = Math.max(waitMs, taken.waitMs);
  }
  if (waitMs === 0) shares.set(device, next);
  return waitMs;
}

export interface ShareDeps {
  readonly shares: Shares;
  now(): number;
  sleep(ms: number): Promise<void>;
}

/**
 * Waits until the device's share allows it: a device that is fast is slowed, one that does not care fills its lane and is
 * closed for it. False when the socket was closed meanwhile.
 */
export async function paced(socket: Socket, device: DeviceId, cost: Cost, deps: ShareDeps): Promise<boolean> {
  for (;;) {
    const waitMs = takeShare(deps.shares, device, cost, deps.now());
    if (waitMs === 0) return true;
    await deps.sleep(waitMs);
    if ((attachmentOf(socket)?.phase ?? 'closed') === 'closed') return false;
  }
}
