// Events in pieces, each of one turn's worth of rows and text.

import type { StoredEvent } from '../core/journal/event.ts';
import { turnBytes, turnRows } from '../core/limits.ts';

export interface Piece<E extends StoredEvent> {
  readonly events: readonly E[];
  readonly chars: number;
}

export function* piecesOf<E extends StoredEvent>(events: readonly E[]): Generator<Piece<E>> {
  let piece: E[] = [];
  let chars = 0;
  for (const event of events) {
    const isFull = piece.length === turnRows || chars + event.body.length > turnBytes;
    if (piece.length > 0 && isFull) {
      yield { events: piece, chars };
      piece = [];
      chars = 0;
    }
    piece.push(event);
    chars += event.body.length;
  }
  if (piece.length > 0) yield { events: piece, chars };
}
