// What a benchmark says: one JSON object per measure, on a line of its own, and in words what it leaves out.

export interface Measure {
  readonly bench: string;
  readonly measure: string;
  readonly value: number;
  readonly unit: string;
  readonly against: string | null;
  readonly ratio: number | null;
  readonly goal: number | string | null;
  readonly met: boolean | null;
}

/** What one benchmark found. */
export interface Outcome {
  readonly measures: readonly Measure[];
  /** Sentences for the reader of the numbers: how equal the comparison is, where the time goes, what is missing. */
  readonly notes: readonly string[];
}

interface Against {
  readonly name: string;
  /** The other's value in the same unit. */
  readonly value: number;
}

/** A measure without a goal. */
export function plain(bench: string, measure: string, value: number, unit: string): Measure {
  return { bench, measure, value: round(value), unit, against: null, ratio: null, goal: null, met: null };
}

/** A measure with a bound on its value: `{ most: 100 }`, in its unit. */
export function bounded(bench: string, measure: string, value: number, unit: string, bound: { most: number }): Measure {
  return { ...plain(bench, measure, value, unit), goal: `≤ ${bound.most}`, met: value <= bound.most };
}

/** A measure held against another one; `least` or `most` is the goal for the ratio. */
export function compared(
  bench: string,
  measure: string,
  value: number,
  unit: string,
  against: Against,
  goal: { readonly least: number } | { readonly most: number } | null = null,
): Measure {
  const ratio = value / against.value;
  const isMet = goal === null ? null : 'least' in goal ? ratio >= goal.least : ratio <= goal.most;
  return {
    ...plain(bench, measure, value, unit),
    against: `${against.name}: ${round(against.value)} ${unit}`,
    ratio: round(ratio),
    goal: goal === null ? null : 'least' in goal ? `ratio ≥ ${goal.least}` : `ratio ≤ ${goal.most}`,
    met: isMet,
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Three significant digits: more would be noise. Whole numbers from a thousand on stay whole. */
export function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}
