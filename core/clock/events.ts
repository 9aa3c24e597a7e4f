// What can happen to a swarm's clock.

import type { Correction } from './state.ts';

export type ClockEvent =
  /** Nothing was recorded for more than a day, or the clock is wrong: nobody can tell yet. */
  | {
      readonly type: 'clock.stepped';
      readonly subject: string;
      readonly body: { readonly from: number; readonly to: number };
    }
  /** The clock is behind what was recorded. The only event whose time may lie before that of the event `after` it follows. */
  | {
      readonly type: 'clock.corrected';
      readonly subject: string;
      readonly body: Correction & { readonly after: number };
    }
  /** What these rows say of the time between `to` and `from` lies earlier by the difference from now on. */
  | {
      readonly type: 'times.moved';
      readonly subject: string;
      readonly body: Correction & {
        /** `task/tsk_…`, `transfer/trf_…`: at most `rowsMovedAtOnce`. */
        readonly rows: readonly string[];
        /** Where the rest begins; null when this was the last. */
        readonly cursor: string | null;
      };
    };
