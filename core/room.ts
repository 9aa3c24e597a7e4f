// Room that is counted down while something is built: whoever builds draws from it and stops where it is used up, so that what
// is too large is never made. Sizes are bytes of UTF-8 of canonical text (core/json.ts).

import { jsonDepthMax } from './json.ts';

export interface Room {
  /** Takes so much; false where there is not so much left, and from then on. */
  take(amount: number): boolean;
  used(): number;
  left(): number;
}

export function roomFor(most: number): Room {
  let used = 0;
  let over = false;
  return {
    take(amount) {
      over ||= amount > most - used;
      if (!over) used += amount;
      return !over;
    },
    used: () => used,
    left: () => (over ? 0 : most - used),
  };
}

/**
 * Draws what a value takes as canonical text. False when that is more than the room has, or when it is nested deeper than
 * `depthMax`: then no more of it was looked at than fits.
 */
export function drawJson(room: Room, value: unknown, depthMax: number = jsonDepthMax): boolean {
  switch (typeof value) {
    case 'string':
      return drawText(room, value);
    case 'number':
      return room.take(JSON.stringify(value).length);
    case 'boolean':
      return room.take(value ? 4 : 5);
    case 'object':
      break;
    default:
      return false; // not data: there is no room for it anywhere
  }
  if (value === null) return room.take(4);
  if (depthMax <= 0) return false;
  if (Array.isArray(value)) {
    // Brackets and commas.
    if (!room.take(Math.max(2, value.length + 1))) return false;
    for (const member of value) if (!drawJson(room, member ?? null, depthMax - 1)) return false;
    return true;
  }
  // Braces; each member then brings its colon, and all but the first a comma.
  if (!room.take(2)) return false;
  let isFirst = true;
  for (const key in value) {
    // Data of ours or parsed from JSON: members are its own, and read by their keys.
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    if (!room.take(isFirst ? 1 : 2) || !drawText(room, key) || !drawJson(room, member, depthMax - 1)) return false;
    isFirst = false;
  }
  return true;
}

/** A text that cannot fit is not looked at. */
function drawText(room: Room, text: string): boolean {
  return room.take(text.length + 2 > room.left() ? Number.POSITIVE_INFINITY : Buffer.byteLength(JSON.stringify(text)));
}
