// Bytes in, lines out: what arrives in pieces of any size is cut at line ends, and no line may be longer than its limit,
// whether it ever ends or not [P15].

/** Why bytes are no lines. */
export type LineFault = 'line_too_long' | 'not_utf8';

export interface Split {
  /** Whole lines, without their ends. */
  readonly lines: readonly string[];
  /** Why the line behind them is none; nothing more is to be pushed then. */
  readonly fault: LineFault | null;
}

export interface LineSplitter {
  /** Takes the next bytes; answers with the lines that they end. */
  push(bytes: Uint8Array): Split;
  /** Bytes of a line that has not ended. */
  pending(): number;
}

const LINE_END = 0x0a;

/** @param lineBytesMax of one line, without its end */
export function lineSplitter(lineBytesMax: number): LineSplitter {
  // A mark at the beginning is a byte like any other: skipped, it would be one that says nothing.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let parts: Uint8Array[] = [];
  let held = 0;

  function lineWith(end: Uint8Array): string {
    const bytes = parts.length === 0 ? end : Buffer.concat([...parts, end]);
    parts = [];
    held = 0;
    return utf8.decode(bytes);
  }

  return {
    push(bytes) {
      const lines: string[] = [];
      try {
        let from = 0;
        for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, from)) {
          if (held + end - from > lineBytesMax) return { lines, fault: 'line_too_long' };
          lines.push(lineWith(bytes.subarray(from, end)));
          from = end + 1;
        }
        const rest = bytes.subarray(from);
        if (held + rest.length > lineBytesMax) return { lines, fault: 'line_too_long' };
        if (rest.length > 0) parts.push(rest);
        held += rest.length;
        return { lines, fault: null };
      } catch {
        return { lines, fault: 'not_utf8' }; // the decoder's only failure
      }
    },
    pending: () => held,
  };
}
