// Writes docs/reference/performance.md: one section per benchmark, each with the machine and the day that it was measured on, so
// that running one of them replaces that section and leaves the others as they were.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Machine, root } from './machine.ts';
import type { Measure, Outcome } from './report.ts';

const PATH = join(root, 'docs', 'reference', 'performance.md');

const HEAD = `# Speed and memory, measured

For whoever wants to know what one machine does with Starling, and how that compares. This page is reference, written by
\`npm run bench\`: a section is replaced when its benchmark runs (\`npm run bench -- <name>\`). Absolute times depend on the
machine; a ratio was taken in one run on one machine, in turns. A peer runs with the settings that make its promise equal
to ours, durability above all; what a benchmark leaves out is said under its table.
`;

/** Replaces the sections of the benchmarks that ran. @param about what each measures, in the order of the page */
export function writeDocument(
  about: Readonly<Record<string, string>>,
  outcomes: ReadonlyMap<string, Outcome>,
  machine: Machine,
): void {
  const known = existsSync(PATH) ? sectionsOf(readFileSync(PATH, 'utf8')) : new Map<string, string>();
  const sections = Object.keys(about).flatMap((name) => {
    const outcome = outcomes.get(name);
    const section = outcome ? sectionOf(name, about[name] ?? '', outcome, machine) : known.get(name);
    return section === undefined ? [] : [section];
  });
  mkdirSync(dirname(PATH), { recursive: true });
  writeFileSync(PATH, [HEAD, ...sections].join('\n'));
}

/** The page's sections by the name in their heading. */
function sectionsOf(page: string): Map<string, string> {
  const parts = page.split(/^(?=## )/m).slice(1);
  return new Map(parts.map((part) => [/^## `?([\w-]+)/.exec(part)?.[1] ?? '', `${part.trimEnd()}\n`]));
}

function sectionOf(name: string, about: string, { measures, notes }: Outcome, machine: Machine): string {
  const { cpu, cores, memoryGiB, system, node, workerd, commit, at } = machine;
  return [
    `## ${name}`,
    '',
    about,
    '',
    '| measure | value | against | ratio | goal | met |',
    '|---|--:|---|--:|---|---|',
    ...measures.map(rowOf),
    '',
    ...notes.map((note) => `- ${note}`),
    ...(notes.length > 0 ? [''] : []),
    `Measured on ${at.slice(0, 10)} at commit ${commit}: ${cores} × ${cpu}, ${memoryGiB} GiB, ${system}, Node ${node}, workerd ${workerd}.`,
    '',
  ].join('\n');
}

function rowOf({ measure, value, unit, against, ratio, goal, met }: Measure): string {
  const isMet = met === null ? '' : met ? 'yes' : '**no**';
  return `| ${measure} | ${numberText(value)} ${unit} | ${against ?? ''} | ${ratio ?? ''} | ${goal ?? ''} | ${isMet} |`;
}

function numberText(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(value) >= 1_000 ? 15 : 3 });
}
