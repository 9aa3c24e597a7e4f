// Streams and their readers: little is on its way, a reader that stops is cut off, and one that may not read any more is ended.

import { afterEach, expect, test, vi } from 'vitest';
import { exportsMax, readerSilenceMsMax, streamChunkBytes } from '../../core/limits.ts';
import { ok } from '../../core/result.ts';
import { exportStream, readerSlots } from '../../durable-objects/swarm/export.ts';
import { createFollowers } from '../../durable-objects/swarm/followers.ts';
import { nextPage } from '../../durable-objects/swarm/next-page.ts';
import { pacedStream } from '../../durable-objects/swarm/paced-stream.ts';
import { StoreSwarm } from './store-swarm.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A swarm with large events. */
function aLargeSwarm(): StoreSwarm {
  const swarm = new StoreSwarm();
  for (let n = 0; n < 20; n++)
    swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'x'.repeat(100_000) } as const);
  return swarm;
}

function opening(swarm: StoreSwarm, isAllowed = () => true) {
  const slots = readerSlots(exportsMax);
  let read = 0;
  const open = () =>
    exportStream('ndjson', swarm.checkpoint(), {
      ...{ store: swarm.store, slots, isAllowed },
      readEvents: async (from, to) => {
        const events = swarm.store.events(from, to - from + 1);
        for (const { body } of events) read += body.length;
        return ok(events);
      },
    });
  return { open, read: () => read };
}

test('[READER-1] a stream makes nothing before it is asked for, and gives it in small pieces', async () => {
  const swarm = aLargeSwarm();
  const { open, read } = opening(swarm);
  const opened = open();
  if (!opened.ok) throw new Error(opened.error.code);
  const reader = opened.value.getReader();
  expect(read()).toBe(0);
  let bytes = 0;
  for (let n = 0; n < 10; n++) {
    const { value } = await reader.read();
    expect(value?.byteLength).toBeLessThanOrEqual(streamChunkBytes);
    bytes += value?.byteLength ?? 0;
    // Behind what was given lies one page at most, and a page of large events is one event.
    expect(read()).toBeLessThan(bytes + 500_000);
  }
  await reader.cancel();
});

test('[READER-1] a page has as many events as fit a piece, and grows by halves at most', () => {
  const [event] = new StoreSwarm().store.events(1, 1);
  if (!event) throw new Error('no event');
  const of = (count: number, chars: number) => Array(count).fill({ ...event, body: 'x'.repeat(chars) });
  expect(nextPage(of(1, 200_000), 64)).toBe(1);
  expect(nextPage(of(8, 100), 64)).toBe(16);
  expect(nextPage(of(64, 100), 64)).toBe(64);
  expect(nextPage(of(64, 8_192), 64)).toBe(8);
});

test('[READER-2] a reader that takes nothing for a minute is cut off, and its slot is free', async () => {
  const swarm = aLargeSwarm();
  vi.useFakeTimers();
  const { open } = opening(swarm);
  const readers = Array.from({ length: exportsMax }, () => {
    const opened = open();
    if (!opened.ok) throw new Error(opened.error.code);
    return opened.value.getReader();
  });
  for (const reader of readers) await reader.read();
  expect(open()).toMatchObject({ ok: false, error: { code: 'too_many_readers', retryAfterMs: expect.any(Number) } });
  await vi.advanceTimersByTimeAsync(readerSilenceMsMax - 1);
  // One reads on.
  await readers[0]?.read();
  await vi.advanceTimersByTimeAsync(1);
  await expect(readers[1]?.read()).rejects.toThrow('reads no more');
  await expect(readers[0]?.read()).resolves.toMatchObject({ done: false });
  for (let n = 1; n < exportsMax; n++) expect(open().ok).toBe(true);
  expect(open().ok).toBe(false);
});

test('[READER-2] a slot comes back when its reader goes, and when its export ends', async () => {
  const swarm = new StoreSwarm();
  const { open } = opening(swarm);
  for (let n = 0; n < 3 * exportsMax; n++) {
    const opened = open();
    if (!opened.ok) throw new Error(opened.error.code);
    const reader = opened.value.getReader();
    if (n % 2 === 0) await reader.cancel();
    else while (!(await reader.read()).done);
  }
  expect(open().ok).toBe(true);
});

test('[READER-2] a follower that stops reading is let go, and one that waits for events is not', async () => {
  const swarm = aLargeSwarm();
  vi.useFakeTimers();
  const followers = createFollowers({
    events: async (from, limit) => swarm.store.events(from, limit),
    origin: () => swarm.store.origin() ?? '',
    headSeq: () => swarm.store.head().seq,
  });
  const stalled = followers.open(1).getReader();
  const waiting = followers.open(1_000).getReader();
  await stalled.read();
  await waiting.read();
  for (let passed = 0; passed < readerSilenceMsMax; passed += 15_000) {
    const next = waiting.read();
    await vi.advanceTimersByTimeAsync(15_000);
    await next;
  }
  expect(followers.count).toBe(1);
  await expect(stalled.read()).rejects.toThrow('reads no more');
  await waiting.cancel();
  expect(followers.count).toBe(0);
});

test('[READER-3] a key that is revoked ends the streams that it has opened', async () => {
  const swarm = aLargeSwarm();
  let isAllowed = true;
  const followers = createFollowers({
    events: async (from, limit) => swarm.store.events(from, limit),
    origin: () => swarm.store.origin() ?? '',
    headSeq: () => swarm.store.head().seq,
  });
  const head = swarm.store.head().seq;
  const follower = followers.open(head + 1, () => isAllowed).getReader();
  await follower.read();
  const next = follower.read();
  const { open } = opening(swarm, () => isAllowed);
  const opened = open();
  if (!opened.ok) throw new Error(opened.error.code);
  const reader = opened.value.getReader();
  await reader.read();
  isAllowed = false;
  swarm.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' });
  followers.wake([]);
  expect(await next).toEqual({ done: true, value: undefined });
  expect(followers.count).toBe(0);
  await expect(
    (async () => {
      while (!(await reader.read()).done);
    })(),
  ).rejects.toThrow('not in force');
});

test('[READER-2] a source that fails ends once', async () => {
  const ended = vi.fn();
  const { stream } = pacedStream({ next: () => Promise.reject(new Error('gone')), ended });
  await expect(stream.getReader().read()).rejects.toThrow('gone');
  expect(ended).toHaveBeenCalledTimes(1);
});
