// Time that nobody waits for: what is to happen stands in one queue, by its time and then by when it was asked for. One thing
// that happens is one step. Nothing here reads a real clock, and while a seed runs nobody else can either.

/** Whoever a step belongs to: an object's instance, a device's process, a person. What is planned dies with it. */
export interface Actor {
  isAlive: boolean;
  /** How wrong its wall clock is, in milliseconds. */
  clockOffsetMs: number;
}

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly actor: Actor;
  fn: (() => void) | null;
}

export interface Timeline {
  /** Milliseconds since the epoch, by a clock that is right. */
  now(): number;
  /** The wall clock of whoever acts now. */
  wall(): number;
  /** Plans a step. Answers with what cancels it. */
  after(ms: number, actor: Actor, fn: () => void): () => void;
  /** Whoever acts now. */
  current(): Actor;
  /** Acts in another's name until the end of the step. */
  become(actor: Actor): void;
  /** The next step; false when nothing is planned. */
  step(): boolean;
  /** When the next step is due, or null. */
  nextAt(): number | null;
  /** All sleep for so long: what was due meanwhile happens late, in its order. */
  leap(ms: number): void;
}

export function createTimeline(start: number, nobody: Actor): Timeline {
  const heap: Planned[] = [];
  let now = start;
  let order = 0;
  let acting = nobody;

  const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  function push(planned: Planned): void {
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Planned; // below the length
      if (!isBefore(planned, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = planned;
  }
  function pop(): Planned | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Planned, heap[child] as Planned)) child = right; // below the length
      const below = heap[child] as Planned;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
  function dropDead(): void {
    while (heap[0] !== undefined && (heap[0].fn === null || !heap[0].actor.isAlive)) pop();
  }

  return {
    now: () => now,
    wall: () => now + acting.clockOffsetMs,
    current: () => acting,
    become(actor) {
      acting = actor;
    },
    after(ms, actor, fn) {
      const planned: Planned = { at: now + Math.max(0, Math.round(ms)), order: order++, actor, fn };
      push(planned);
      return () => {
        planned.fn = null;
      };
    },
    step() {
      dropDead();
      const planned = pop();
      if (planned === undefined) return false;
      now = Math.max(now, planned.at);
      acting = planned.actor;
      planned.fn?.();
      return true;
    },
    nextAt() {
      dropDead();
      return heap[0]?.at ?? null;
    },
    leap(ms) {
      now += ms;
    },
  };
}
