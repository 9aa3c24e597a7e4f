// What a run has to say: one line of JSON at its end, and a line on standard error for each thing that it found.

import type { SeedResult } from './run-seed.ts';

export interface Report {
  readonly ok: boolean;
  readonly [member: string]: unknown;
}

export function say(text: string): void {
  process.stderr.write(`simulate: ${text}\n`);
}

/** Tells what a seed found, and how to see it again. */
export function tell({ seed, findings }: SeedResult, stepsAsked: number): void {
  for (const { kind, subject, detail } of findings.slice(0, 5)) say(`${kind}: ${subject}: ${detail.slice(0, 1_000)}`);
  say(`npm run simulate -- --seed ${seed} --steps ${stepsAsked}`);
}
