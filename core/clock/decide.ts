// A wrong clock, in two words: that it ran far ahead, and that it was set back. Setting it back moves what was set while it was
// wrong, a bounded number of rows at a time; in between those are merely late.

import { rowsMovedAtOnce } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { ClockCommand } from './commands.ts';
import { isMoved, MOVED, moveRow, splitKey } from './evolve.ts';
import type { Correction } from './state.ts';

const SUBJECT = 'clock/swarm';

/** @param firstSeq the seq that the draft's first event will have */
export function decideClock(draft: Draft, command: ClockCommand, firstSeq: number): Result<string, Rejection> {
  const { clock } = draft.swarm();
  if (command.type === 'NoteClock') {
    const { from, to } = command;
    if (to > from) {
      draft.emit({ type: 'clock.stepped', subject: SUBJECT, body: { from, to } });
    } else if (!clock?.moving) {
      draft.emit({ type: 'clock.corrected', subject: SUBJECT, body: { from, to, after: firstSeq - 1 } });
      moveSome(draft, { from, to }, '');
    }
  } else if (clock?.moving) {
    moveSome(draft, clock.moving, clock.moving.cursor);
  }
  return ok('clock');
}

/** Looks at the next rows behind `cursor`, kind by kind, and moves those whose times are wrong. */
function moveSome(draft: Draft, { from, to }: Correction, cursor: string): void {
  const keys: string[] = [];
  const start = cursor.split('/', 1)[0] ?? '';
  for (const kind of MOVED.slice(isMoved(start) ? MOVED.indexOf(start) : 0)) {
    const after = kind === start ? cursor.slice(kind.length + 1) : '';
    keys.push(...draft.dueRows(kind, to, after, rowsMovedAtOnce - keys.length).map((id) => `${kind}/${id}`));
    if (keys.length >= rowsMovedAtOnce) break;
  }
  const rows = keys.filter((key) => isWrong(draft, key, { from, to }));
  const next = keys.length >= rowsMovedAtOnce ? (keys.at(-1) ?? null) : null;
  draft.emit({ type: 'times.moved', subject: SUBJECT, body: { from, to, rows, cursor: next } });
}

function isWrong(draft: Draft, key: string, correction: Correction): boolean {
  const [kind, id] = splitKey(key);
  if (!isMoved(kind)) return false;
  const row = draft.row(kind, id);
  return row !== null && moveRow(kind, row, correction) !== row;
}
