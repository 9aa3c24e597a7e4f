// Lanes: the platform hands over a socket's messages without waiting for the last one's handler, so everything that
// concerns one device goes through that device's lane, one at a time and in order.

/** Runs work one piece at a time per key. In memory only: what waits here has not been acknowledged to anyone. */
export interface Lanes {
  /** Nothing is run when too much waits already: in this lane (`own`), or in all of them together (`all`). */
  enter(key: string, bytes: number, work: () => Promise<void>): Promise<void> | 'own' | 'all';
}

/** What may wait: pieces and bytes in one lane, bytes in all of them, and bytes that a lane may have however full the others are. */
export interface LaneRoom {
  readonly pieces: number;
  readonly laneBytes: number;
  readonly allBytes: number;
  readonly sureBytes: number;
}

export function lanes(room: LaneRoom): Lanes {
  const tails = new Map<string, { tail: Promise<void>; pieces: number; bytes: number }>();
  let bytesWaiting = 0;
  return {
    enter(key, bytes, work) {
      const lane = tails.get(key) ?? { tail: Promise.resolve(), pieces: 0, bytes: 0 };
      const wouldWait = lane.bytes + bytes;
      if (lane.pieces >= room.pieces || wouldWait > room.laneBytes) return 'own';
      // Others have filled the room: what a device needs to go on has its place all the same.
      if (bytesWaiting + bytes > room.allBytes && wouldWait > room.sureBytes) return 'all';
      lane.pieces += 1;
      lane.bytes += bytes;
      bytesWaiting += bytes;
      tails.set(key, lane);
      const turn = lane.tail.then(work).finally(() => {
        lane.pieces -= 1;
        lane.bytes -= bytes;
        bytesWaiting -= bytes;
        if (lane.pieces === 0) tails.delete(key);
      });
      // What a piece throws goes to its own caller; the next piece runs all the same.
      lane.tail = turn.catch(() => undefined);
      return turn;
    },
  };
}
