// Where the times of a journal may run back: at the event that says from when to when, and nowhere else [JOURNAL-10].

/**
 * True of the event that says itself that the clock was set back from the time of the event before it to its own.
 * @param before the time of the event before it
 */
export function turnsBack(
  { type, at, seq, body }: { readonly type: string; readonly at: number; readonly seq: number; readonly body: string },
  before: number,
): boolean {
  if (type !== 'clock.corrected') return false;
  const said: { readonly from?: unknown; readonly to?: unknown; readonly after?: unknown } = JSON.parse(body);
  return said.from === before && said.to === at && said.after === seq - 1;
}
