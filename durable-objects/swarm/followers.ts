// Who follows the journal live: server-sent events with the seq as their id, from any seq on. A follower that does not keep
// up is behind, and one that was cut off resumes with Last-Event-ID. Nothing here is needed for correctness: the journal is.

import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { followersMax } from '../../core/limits.ts';

export interface FollowDeps {
  /** Events from `from` on, at most `limit`. */
  events(from: number, limit: number): readonly StoredEvent[];
  origin(): string;
  headSeq(): number;
}

export interface Followers {
  /** Null when there are too many. */
  open(from: number): ReadableStream<Uint8Array> | null;
  /** There are new events, about these subjects: everyone reads on. */
  wake(subjects: readonly string[]): void;
  /** Resolves at the next event about `subject`, or after `ms`. */
  next(subject: string, ms: number): Promise<void>;
  readonly count: number;
}

/** Events read at once for one follower. */
const pageSize = 100;
/** Proxies close silent streams; a comment keeps one open. */
const heartbeatMs = 15_000;

export function createFollowers(deps: FollowDeps): Followers {
  const wakers = new Set<() => void>();
  const waiting = new Map<string, Set<() => void>>();
  const encoder = new TextEncoder();
  return {
    get count() {
      return wakers.size;
    },
    wake(subjects) {
      for (const waker of wakers) waker();
      if (waiting.size > 0) for (const subject of subjects) for (const resolve of waiting.get(subject) ?? []) resolve();
    },
    next(subject, ms) {
      return new Promise((resolve) => {
        const mine = waiting.get(subject) ?? new Set();
        const done = () => {
          clearTimeout(timer);
          mine.delete(done);
          if (mine.size === 0) waiting.delete(subject);
          resolve();
        };
        const timer = setTimeout(done, ms);
        waiting.set(subject, mine.add(done));
      });
    },
    open(from) {
      if (wakers.size >= followersMax) return null;
      let next = Math.max(1, from);
      let waker: (() => void) | null = null;
      let notify: () => void = () => {};
      // Pulled by the reader: a slow one makes no queue here, it is simply behind.
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            waker = () => notify();
            wakers.add(waker);
            controller.enqueue(encoder.encode(': follows\n\n'));
          },
          async pull(controller) {
            // Woken by events before the one it asked for, it waits on: a pull that brings nothing is not repeated.
            while (next > deps.headSeq())
              if (!(await wait((resolve) => (notify = resolve)))) {
                controller.enqueue(encoder.encode(': still here\n\n'));
                return;
              }
            const page = deps.events(next, pageSize);
            next = (page.at(-1)?.seq ?? next) + 1;
            const text = page.map(
              (event) =>
                `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toCloudEvent(deps.origin(), event))}\n\n`,
            );
            controller.enqueue(encoder.encode(text.join('')));
          },
          cancel() {
            if (waker) wakers.delete(waker);
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

/** True when woken, false when the heartbeat is due. */
function wait(listen: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), heartbeatMs);
    listen(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
