// What must be written is written now, or as soon as the disk takes it again.

import { Fault } from '../../core/assert.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** A full disk is emptied by people: it is looked at so often, for as long as the runtime lives. */
const againMs = 1_000;

/** Calls `fn`, which writes all or nothing, until it does not meet a retryable Fault. Anything else it throws goes on. */
export function whenWritable(deps: { readonly clock: Clock; readonly log: Log }, fn: () => void): void {
  try {
    fn();
  } catch (error) {
    if (!(error instanceof Fault) || !error.retryable) throw error;
    deps.log('error', 'nothing can be written on this device', { why: error.message });
    deps.clock.after(againMs, () => whenWritable(deps, fn));
  }
}
