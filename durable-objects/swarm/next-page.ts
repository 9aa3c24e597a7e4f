// How many events the next page of a stream has, by how large those of the last one were: a reader that is slow holds a page, and
// events of 200 kB would make that megabytes.

import { type StoredEvent, textOf } from '../../core/journal/event.ts';
import { streamChunkBytes } from '../../core/limits.ts';

/** Nothing is known of the first page's events: it is small. */
export const firstPage = 8;

/** At least one, at most `most`, and at most twice as many as before: what comes next may be larger. */
export function nextPage(last: readonly StoredEvent[], most: number): number {
  const fitting = Math.floor((streamChunkBytes * last.length) / Math.max(1, textOf(last)));
  return Math.max(1, Math.min(fitting, 2 * last.length, most));
}

/** Events of an object's tables from one place to another, in pages by how large they are; it ends before one that is missing. */
export function* pagesOf(
  store: { events(from: number, limit: number): readonly StoredEvent[] },
  from: number,
  to: number,
  most: number,
): Generator<readonly StoredEvent[], void> {
  let atOnce = firstPage;
  for (let next = from; next <= to; ) {
    const page = store.events(next, Math.min(atOnce, to - next + 1));
    if (page.length === 0) return;
    yield page;
    next += page.length;
    atOnce = nextPage(page, most);
  }
}
