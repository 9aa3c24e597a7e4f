// What the swarm itself may ask about its clock: nobody else can.

export type ClockCommand =
  /** The store has read a clock that is far from the last recorded time. */
  | { readonly type: 'NoteClock'; readonly from: number; readonly to: number }
  /** The rest of a correction. */
  | { readonly type: 'MoveTimes' };
