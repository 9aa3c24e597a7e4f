// How much of a swarm one device may write: facts by their weight, in memory. The squad paces its devices and forgets them when it
// sleeps; this holds while the swarm is awake, which a device that floods it keeps it.

import { deviceFactsBurstMax, deviceFactsPerSecondMax } from '../../core/limits.ts';
import { type Bucket, take } from '../rate.ts';

export interface DeviceShares {
  /** Takes so much from the device's share; false, and nothing is taken, when it is not there. */
  take(device: string, cost: number): boolean;
}

/** Twice what a squad lets through at once and for long: a squad that paces its devices never meets it. */
const RATE = { perSecond: 2 * deviceFactsPerSecondMax, burst: 2 * deviceFactsBurstMax } as const;

/** Devices remembered at once; those with a full share are forgotten first. */
const rememberedMax = 2_000;

export function createDeviceShares(now: () => number): DeviceShares {
  const buckets = new Map<string, Bucket>();
  return {
    take(device, cost) {
      const at = now();
      const taken = take(buckets.get(device), cost, at, RATE);
      if (!('bucket' in taken)) return false;
      buckets.delete(device);
      // The first in the map was used the longest ago.
      const [oldest] = buckets.keys();
      if (buckets.size >= rememberedMax && oldest !== undefined) buckets.delete(oldest);
      buckets.set(device, taken.bucket);
      return true;
    },
  };
}
