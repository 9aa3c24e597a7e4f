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

/** One round of both, taken right after each other: the machine was the same for the two. */
export interface Turn {
  readonly ours: number;
  readonly theirs: number;
}

type RatioGoal = { readonly least: number } | { readonly most: number } | null;

/** A measure without a goal. */
export function plain(bench: string, measure: string, value: number, unit: string): Measure {
  return { bench, measure, value: round(value), unit, against: null, ratio: null, goal: null, met: null };
}

/** A measure with a bound on its value: `{ most: 100 }`, in its unit. */
export function bounded(bench: string, measure: string, value: number, unit: string, bound: { most: number }): Measure {
  return { ...plain(bench, measure, value, unit), goal: `≤ ${bound.most}`, met: value <= bound.most };
}

/** A measure held against another one, over rounds in turns; the goal is for the ratio, the median of the rounds' own. */
export function compared(
  bench: string,
  measure: string,
  unit: string,
  against: string,
  turns: readonly Turn[],
  goal: RatioGoal = null,
): Measure {
  const ratio = median(turns.map(({ ours, theirs }) => ours / theirs));
  const theirs = round(median(turns.map((turn) => turn.theirs))).toLocaleString('en-US');
  return {
    ...plain(bench, measure, median(turns.map(({ ours }) => ours)), unit),
    against: `${against}: ${theirs} ${unit}`,
    ratio: round(ratio),
    goal: goal === null ? null : 'least' in goal ? `ratio ≥ ${goal.least}` : `ratio ≤ ${goal.most}`,
    met: goal === null ? null : 'least' in goal ? ratio >= goal.least : ratio <= goal.most,
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
