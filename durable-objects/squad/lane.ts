// Lanes: the platform hands over a socket's messages without waiting for the last one's handler, so everything that
// concerns one device goes through that device's lane, one at a time and in order.

/** Runs work one piece at a time per key. In memory only: what waits here has not been acknowledged to anyone. */
export interface Lanes {
  /** False, and nothing is run, when too much waits already. */
  enter(key: string, bytes: number, work: () => Promise<void>): Promise<void> | false;
}

/** @param piecesMax pieces and @param laneBytesMax bytes that wait in one lane; @param bytesMax bytes that wait in all of them */
export function lanes(piecesMax: number, laneBytesMax: number, bytesMax: number): Lanes {
  const tails = new Map<string, { tail: Promise<void>; pieces: number; bytes: number }>();
  let bytesWaiting = 0;
  return {
    enter(key, bytes, work) {
      const lane = tails.get(key) ?? { tail: Promise.resolve(), pieces: 0, bytes: 0 };
      // A lane of its own full: only its device is told. Nobody else's frames are in it.
      if (lane.pieces >= piecesMax || lane.bytes + bytes > laneBytesMax || bytesWaiting + bytes > bytesMax)
        return false;
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
