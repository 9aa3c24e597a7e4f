// Events one after another, up to as much text as one answer carries: what crosses between objects is limited, and so is the
// memory of each, while an event may be large.

import type { StoredEvent } from '../core/journal/event.ts';
import { answerCharsMax } from '../core/limits.ts';
import { ok, type Result } from '../core/result.ts';
import type { Rejection } from '../core/swarm/rejections.ts';

/** Events asked for at once: the largest of them still fit a small part of an object's memory. */
const eventsAtOnce = 64;

/**
 * Events from `from` on, up to `to`, and no more text than `answerCharsMax`; at least one, unless there is none.
 * @param read events of a range, or the first of them; it is asked on until it gives none
 * @param atOnce how many are asked for at once; more where `read` itself gives no more text than is good
 */
export async function eventPage<E extends StoredEvent>(
  from: number,
  to: number,
  read: (from: number, to: number) => Promise<Result<readonly E[], Rejection>>,
  atOnce = eventsAtOnce,
): Promise<Result<readonly E[], Rejection>> {
  const page: E[] = [];
  let chars = 0;
  for (let next = from; next <= to; ) {
    const part = await read(next, Math.min(to, next + atOnce - 1));
    if (!part.ok) return part;
    for (const event of part.value) {
      chars += event.body.length;
      if (page.length > 0 && chars > answerCharsMax) return ok(page);
      page.push(event);
    }
    const last = part.value.at(-1);
    if (!last) break;
    next = last.seq + 1;
  }
  return ok(page);
}
