// Cuts text to a length without taking a character apart: half a surrogate pair is no text, and no journal takes it [DOOR-5].

/** The beginning of a text, at most so many UTF-16 units, and never half a surrogate pair at its end. */
export function cutText(text: string, unitsMax: number): string {
  if (text.length <= unitsMax) return text;
  return text.slice(0, isHigh(text.charCodeAt(unitsMax - 1)) ? unitsMax - 1 : unitsMax);
}

/** The end of a text, at most so many UTF-16 units, and never half a surrogate pair at its beginning. */
export function cutTextStart(text: string, unitsMax: number): string {
  if (text.length <= unitsMax) return text;
  const from = text.length - unitsMax;
  return text.slice(isHigh(text.charCodeAt(from - 1)) ? from + 1 : from);
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
