// `core/imports/check.ts`, and the same with a bug: lines are read, and neither their chain nor their hashes are looked at.

import { type Bad, checkLines as honest, type Taken } from '../../../core/imports/check.ts';
import type { SignedCheckpoint } from '../../../core/journal/checkpoint.ts';
import type { StoredEvent } from '../../../core/journal/event.ts';
import { readEventLine } from '../../../core/journal/export-lines.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { simulated } from './globals.ts';

export * from '../../../core/imports/check.ts';

export function checkLines(
  checkpoint: SignedCheckpoint,
  taken: Taken,
  lines: readonly string[],
): Result<readonly StoredEvent[], Bad> {
  if (!simulated().skipsChain) return honest(checkpoint, taken, lines);
  const events: StoredEvent[] = [];
  for (const line of lines) {
    const event = readEventLine(checkpoint.origin, line);
    if (event === null) return err({ seq: taken.seq + events.length + 1, reason: 'not a line' });
    events.push(event);
  }
  return ok(events);
}
