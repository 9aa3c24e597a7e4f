// Tier L: every limit that can be reached, at it and one beyond it: the first is done, the second is refused clearly. Every other
// limit says why nobody can reach it; a limit without either is a failure.

import * as limits from '../../../core/limits.ts';
import { type Report, say } from '../report.ts';
import { PROBES } from './limit-probes.ts';
import { NOT_REACHED, type ReachedName } from './limit-table.ts';

export async function limitsTier(): Promise<Report> {
  const started = performance.now();
  const wrong: string[] = [];
  const all: Readonly<Record<string, number>> = limits;
  const names = Object.keys(all);
  for (const name of names)
    if (Object.hasOwn(PROBES, name) === Object.hasOwn(NOT_REACHED, name)) wrong.push(`${name}: neither or both`);
  const reached = Object.keys(PROBES) as ReachedName[]; // its own keys
  for (const name of reached) {
    const { at, code, isLeast = false } = PROBES[name];
    const limit = all[name] ?? 0;
    const within = at(limit);
    const beyond = at(limit + (isLeast ? -1 : 1));
    if (within !== null) wrong.push(`${name}: ${limit} is refused: ${within}`);
    if (beyond !== code)
      wrong.push(`${name}: one beyond ${limit} is answered with ${beyond ?? 'no refusal'}, not ${code}`);
  }
  for (const one of wrong) say(one);
  return {
    ok: wrong.length === 0,
    ...{ limits: names.length, reached: reached.length, violations: wrong.length },
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}
