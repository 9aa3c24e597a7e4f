// Somebody who follows a journal live. The stream breaks off with the object that gave it, or in between; whoever follows goes on
// behind the last event that arrived, and so sees each of them once, in order, and none that is not durable.

import type { Actor } from '../platform/virtual-time.ts';
import type { RealmView } from './surroundings.ts';

const reconnectMsMax = 2_000;
/** So often it looks whether the line still stands. */
const lookMs = 1_500;

export class Follower {
  readonly actor: Actor = { isAlive: true, clockOffsetMs: 0 };
  readonly #realm: RealmView;
  /** The next event that has not arrived yet. */
  #next = 1;
  #line = 0;
  #close: (() => void) | null = null;
  #isOver = false;

  constructor(realm: RealmView) {
    this.#realm = realm;
    this.#connect();
  }

  /** The last event that it has seen. */
  seen(): number {
    return this.#next - 1;
  }
  end(): void {
    this.#isOver = true;
    this.actor.isAlive = false;
    this.#close?.();
  }

  #connect(): void {
    if (this.#isOver) return;
    const { world, swarm } = this.#realm;
    const line = ++this.#line;
    world.network.ask(this.actor, swarm, 'follow', [world.owner, this.#next], (outcome) => {
      const answer = outcome.ok ? (outcome.value as { ok: boolean; value: ReadableStream<Uint8Array> }) : null; // what `follow` resolves to
      if (!answer?.ok || line !== this.#line) return this.#again(line);
      const { starts } = swarm;
      const reader = answer.value.getReader();
      this.#close = () => void reader.cancel().catch(() => {});
      this.#look(line, starts);
      void this.#read(reader, line, starts, lines());
    });
  }

  async #read(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    line: number,
    starts: number,
    partsOf: (bytes: Uint8Array) => readonly string[],
  ): Promise<void> {
    const { world, swarm } = this.#realm;
    const { promise, resolve } = Promise.withResolvers<void>();
    try {
      const { done, value } = await reader.read();
      if (done || line !== this.#line || swarm.starts !== starts) return this.#again(line);
      // What leaves an object waits until it is durable; when it never is, it never arrives.
      swarm.gate(() => world.timeline.after(world.network.delayMs(), this.actor, resolve));
      await promise;
      if (line !== this.#line) return;
      for (const part of partsOf(value)) this.#arrived(part);
      void this.#read(reader, line, starts, partsOf);
    } catch {
      this.#again(line);
    }
  }

  #arrived(part: string): void {
    const { model, world } = this.#realm;
    const id = /^id: (\d+)$/m.exec(part)?.[1];
    if (id === undefined) return;
    const seq = Number(id);
    const { hash } = JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? '{}') as { hash?: string }; // a CloudEvent
    if (seq !== this.#next)
      world.findings.add('stream', `${model.origin} ${this.#next}`, `the follower was told of event ${seq}`);
    else if (model.hashes[seq - 1] !== hash)
      world.findings.add('stream', `${model.origin} ${seq}`, 'the follower was told of an event that is not durable');
    this.#next = seq + 1;
  }

  /** A line whose object is gone says nothing any more, and nobody says that. */
  #look(line: number, starts: number): void {
    const { world, swarm } = this.#realm;
    world.timeline.after(lookMs, this.actor, () => {
      if (line !== this.#line || this.#isOver) return;
      if (swarm.starts === starts && swarm.isAwake()) {
        if (!world.faults.strikes('stream-cut')) return this.#look(line, starts);
      } else world.faults.count('stream-lost');
      this.#again(line);
    });
  }

  #again(line: number): void {
    if (line !== this.#line) return;
    this.#line++;
    this.#close?.();
    this.#close = null;
    const { world } = this.#realm;
    world.timeline.after(world.random.between(1, reconnectMsMax), this.actor, () => this.#connect());
  }
}

/** The whole parts of a stream: a large event comes in several pieces, cut anywhere. */
function lines(): (bytes: Uint8Array) => readonly string[] {
  const decoder = new TextDecoder();
  let rest = '';
  return (bytes) => {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    return parts;
  };
}
