// Output for people: columns, credits, times. Nothing here is read by programs; those ask for --json.

import { readTime } from '../../../core/rfc3339.ts';

/** Columns of text, each as wide as its widest cell. The last is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
  );
  return `${lines.join('\n')}\n`;
}

/** Text from elsewhere without what a terminal would act on: control characters and marks that reverse the writing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, ' ');
}

const microPerCredit = 1_000_000;

/** Micro-credits as credits: 1500000 is `1.5`. Exact. */
export function credits(micro: number): string {
  const whole = Math.trunc(Math.abs(micro) / microPerCredit);
  const rest = String(Math.abs(micro) % microPerCredit)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${micro < 0 ? '-' : ''}${whole}${rest === '' ? '' : `.${rest}`}`;
}

/** Several lines of it: what a value brings along must be `printable` before it is put into one of them. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON for a person, and still the same JSON: what a terminal would act on stands as an escape. */
export function printableJson(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escaped);
}

/** Credits as micro-credits, exact: `1.5` is 1500000. Null for anything else, or more than six decimals. */
export function microOf(text: string): number | null {
  const parts = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text);
  if (parts === null) return null;
  return Number(parts[1]) * microPerCredit + Number((parts[2] ?? '').padEnd(6, '0'));
}

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** How long `90s`, `10m`, `2h` or `1d` is, in milliseconds. Null for anything else. */
export function spanMsOf(text: string): number | null {
  const span = /^(\d{1,6})([smhd])$/.exec(text);
  // The pattern allows these four letters only.
  return span === null ? null : Number(span[1]) * units[span[2] as keyof typeof units];
}

/** A point in time: RFC 3339, or from now on (`90s`, `10m`, `2h`, `1d`), as RFC 3339 UTC. Null for anything else. */
export function timeOf(text: string, now: number): string | null {
  const ms = spanMsOf(text);
  if (ms !== null) return new Date(now + ms).toISOString();
  const at = readTime(text);
  return at === null ? null : new Date(at).toISOString();
}

/** A span in words of a glance: `850 ms`, `12.3 s`, `4 min`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** Progress on one line that is written over; nothing when nobody watches. */
export function createProgress(terminal: { err(text: string): void; readonly isWatched: boolean }) {
  let shown = '';
  return {
    show(text: string) {
      if (!terminal.isWatched || text === shown) return;
      shown = text;
      terminal.err(`\r\u001b[K${printable(text)}`);
    },
    clear() {
      if (shown !== '') terminal.err('\r\u001b[K');
      shown = '';
    },
  };
}
