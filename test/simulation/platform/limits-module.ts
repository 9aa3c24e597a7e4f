// `core/limits.ts` as a seed sees it: the same limits, but for how much history makes a snapshot or a segment. With the real
// sizes no seed would live long enough to see one.

import * as real from '../../../core/limits.ts';

export * from '../../../core/limits.ts';

/** How much history there is to a snapshot, to a segment, and in the object. */
export interface HistorySizes {
  readonly snapshotEvents: number;
  readonly segmentEvents: number;
  readonly hotEventsMin: number;
}

export let snapshotEvents: number = real.snapshotEvents;
export let segmentEvents: number = real.segmentEvents;
export let hotEventsMin: number = real.hotEventsMin;
export let tallyEventsMax: number = real.tallyEventsMax;

/** Puts these sizes in force; null: the real ones. */
export function setHistorySizes(sizes: HistorySizes | null): void {
  ({ snapshotEvents, segmentEvents, hotEventsMin } = sizes ?? real);
  // Events are counted before they go.
  tallyEventsMax = Math.min(real.tallyEventsMax, hotEventsMin - 1);
}
