// Follows a journal's event stream through every kill, as a client does: when the stream is cut, it comes back with
// Last-Event-ID. Every event must come once, in order; what it has seen must stand in the journal for ever.

import { setTimeout as pause } from 'node:timers/promises';
import type { Findings } from '../model/findings.ts';

const retryMs = 100;

export interface Follower {
  /** Hashes of the events seen, in order from seq 1. */
  readonly hashes: readonly string[];
  /** How often the stream was opened. */
  opened(): number;
  stop(): void;
}

export function followJournal(url: string, apiKey: string, tenant: string, findings: Findings): Follower {
  const hashes: string[] = [];
  const stopped = new AbortController();
  let opened = 0;

  function take(block: string): void {
    const id = /^id: (\d+)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (id === undefined || data === undefined) return; // A comment.
    const { seq, hash } = JSON.parse(data) as { seq: number; hash: string };
    if (seq !== Number(id) || seq !== hashes.length + 1)
      findings.add('stream', `${tenant} ${hashes.length + 1}`, `the stream brought ${seq} instead`);
    hashes[seq - 1] = hash;
  }

  async function follow(): Promise<void> {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${apiKey}`, 'last-event-id': `${hashes.length}` },
      signal: stopped.signal,
    });
    if (!response.ok || response.body === null) throw new Error(`the stream was answered with ${response.status}`);
    opened++;
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) take(block);
    }
  }

  void (async () => {
    while (!stopped.signal.aborted) {
      // Cut by a kill, or refused while the server starts: both are what this test does, and the follower comes back.
      await follow().catch(() => null);
      await pause(retryMs);
    }
  })();
  return { hashes, opened: () => opened, stop: () => stopped.abort() };
}
