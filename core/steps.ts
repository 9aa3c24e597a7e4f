// Long work that can be left off between two steps and gone on with later: a generator that says of each step what it has cost.
// The core knows nothing of turns; whoever runs the steps decides when the next one comes.

/** What a step has cost: rows or events, and bytes or characters of them. */
export interface Cost {
  readonly rows: number;
  readonly bytes: number;
}

export type Steps<T> = Generator<Cost, T, void>;

/** All steps, one after the other. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
