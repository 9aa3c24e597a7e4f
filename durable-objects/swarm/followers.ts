// Who follows the journal live: server-sent events with the seq as their id, from any seq on. A follower that does not keep
// up is behind, and one that was cut off resumes with Last-Event-ID: when there are too many, the one that was silent for longest
// is cut off, for a reader that has gone is noticed only at the next write. Nothing here is needed for correctness: the journal is.

import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { followersMax } from '../../core/limits.ts';
import { firstPage, nextPage } from './next-page.ts';
import { pacedStream } from './paced-stream.ts';

export interface FollowDeps {
  /** Events from `from` on, at most `limit`, hot or archived. @throws when they cannot be read: the stream breaks off */
  events(from: number, limit: number): Promise<readonly StoredEvent[]>;
  origin(): string;
  headSeq(): number;
}

export interface Followers {
  /** @param isAllowed asked again before each page: a key that is revoked ends what it has opened */
  open(from: number, isAllowed?: () => boolean): ReadableStream<Uint8Array>;
  /** There are new events, about these subjects: everyone reads on. */
  wake(subjects: readonly string[]): void;
  /** Resolves at the next event about `subject`, or after `ms`. */
  next(subject: string, ms: number): Promise<void>;
  readonly count: number;
}

interface Follower {
  notify(): void;
  close(): void;
}

/** Events read at once for one follower, where they are small. */
const pageSize = 100;
/** Proxies close silent streams; a comment keeps one open. */
const heartbeatMs = 15_000;

export function createFollowers(deps: FollowDeps): Followers {
  /** In the order of their last words: the first has been silent for longest. */
  const followers = new Set<Follower>();
  const waiting = new Map<string, Set<() => void>>();
  const encoder = new TextEncoder();
  return {
    get count() {
      return followers.size;
    },
    wake(subjects) {
      for (const follower of followers) follower.notify();
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
    open(from, isAllowed = () => true) {
      const [silent] = followers;
      if (silent && followers.size >= followersMax) silent.close();
      return follow(Math.max(1, from), isAllowed);
    },
  };

  function follow(from: number, isAllowed: () => boolean): ReadableStream<Uint8Array> {
    let next = from;
    let isOpen = true;
    let atOnce = firstPage;
    let greeting: string | null = ': follows\n\n';
    const follower: Follower = { notify: () => {}, close: () => {} };

    /** The next events, a heartbeat, or null once it may not read on. */
    async function more(): Promise<string | null> {
      // Woken by events before the one it asked for, it waits on: a pull that brings nothing is not repeated.
      while (isOpen && isAllowed() && next > deps.headSeq()) if (!(await woken(follower))) break;
      if (!isOpen || !isAllowed()) return null;
      const page = next > deps.headSeq() ? [] : await deps.events(next, atOnce);
      next = (page.at(-1)?.seq ?? next - 1) + 1;
      if (page.length > 0) atOnce = nextPage(page, pageSize);
      followers.delete(follower);
      if (isOpen) followers.add(follower);
      return page.length === 0 ? ': still here\n\n' : page.map(textOf).join('');
    }

    // Pulled by the reader: a slow one makes no queue here, it is simply behind.
    const paced = pacedStream({
      async next() {
        const text = greeting ?? (await more());
        greeting = null;
        return text === null ? null : encoder.encode(text);
      },
      ended() {
        isOpen = false;
        followers.delete(follower);
        follower.notify();
      },
    });
    follower.close = paced.close;
    followers.add(follower);
    return paced.stream;
  }

  function textOf(event: StoredEvent): string {
    return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toCloudEvent(deps.origin(), event))}\n\n`;
  }
}

/** True when there may be something to read, false when the heartbeat is due. */
function woken(follower: Follower): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), heartbeatMs);
    follower.notify = () => {
      clearTimeout(timer);
      resolve(true);
    };
  });
}
