// How much a tier does.

export interface Size {
  /** The first seed. */
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
}
