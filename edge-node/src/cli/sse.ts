// Server-sent events, as they come off the wire (HTML Living Standard, "Server-sent events").

/** A line or an event longer than this is not one of ours. */
export const eventCharsMax = 1_000_000;

export interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Feeds text in, gives whole events out; throws a RangeError when one is too long. */
export function createEventParser(): (text: string) => ServerSentEvent[] {
  let rest = '';
  let fields = { id: '', event: '', data: [] as string[], chars: 0 };
  return (text) => {
    const found: ServerSentEvent[] = [];
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > eventCharsMax) throw new RangeError('a line of the stream is too long');
    for (const line of lines) {
      if (line === '') {
        if (fields.data.length > 0) found.push({ id: fields.id, event: fields.event, data: fields.data.join('\n') });
        fields = { id: fields.id, event: '', data: [], chars: 0 };
        continue;
      }
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      fields.chars += line.length;
      if (fields.chars > eventCharsMax) throw new RangeError('an event of the stream is too long');
      if (name === 'data') fields.data.push(value);
      else if (name === 'event') fields.event = value;
      else if (name === 'id') fields.id = value;
    }
    return found;
  };
}
