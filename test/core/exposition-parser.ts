// Strict readers of Prometheus' text format 0.0.4 and of OpenMetrics 1.0.0, written from their specifications: they take what is
// allowed and nothing else, so that what they take any scraper takes. They know nothing of our code.

export interface ParsedSample {
  /** As it stands on the line, suffix and all. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string | null;
  readonly samples: readonly ParsedSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
/** What Go's ParseFloat takes of what a program writes. */
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/;

interface Open {
  help: string | null;
  type: string | null;
  unit: string | null;
  samples: ParsedSample[];
}

/** @throws when a line is not as the format has it */
export function parseExposition(text: string, format: 'prometheus' | 'openmetrics'): Map<string, ParsedFamily> {
  const isOpenMetrics = format === 'openmetrics';
  must(text.endsWith('\n'), 'the last line ends with a line feed');
  const lines = text.slice(0, -1).split('\n');
  if (isOpenMetrics) must(lines.pop() === '# EOF', 'OpenMetrics ends with # EOF');
  const families = new Map<string, Open>();
  const seen = new Set<string>();
  let current: string | null = null;
  for (const line of lines) {
    must(line === line.trim() && line !== '', `a line has no blanks around it: ${line}`);
    if (line.startsWith('#')) {
      const [, keyword = '', name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line) ?? [];
      must(keyword !== '' && NAME.exec(name)?.[0] === name, `a comment says HELP, TYPE or UNIT: ${line}`);
      must(isOpenMetrics || keyword !== 'UNIT', 'the text format has no units');
      if (name !== current) must(!families.has(name), `the lines of ${name} stand together`);
      current = name;
      const open = families.get(name) ?? { help: null, type: null, unit: null, samples: [] };
      families.set(name, open);
      must(open.samples.length === 0, `what is said of ${name} stands before its samples`);
      describe(open, keyword, name, rest, isOpenMetrics);
    } else {
      const sample = sampleOf(line);
      must(
        current !== null && belongs(sample.name, current, families.get(current)?.type ?? '', isOpenMetrics),
        `a sample stands below its family: ${line}`,
      );
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
      must(!seen.has(key), `a series stands once: ${line}`);
      seen.add(key);
      families.get(current ?? '')?.samples.push(sample);
    }
  }
  return closed(families);
}

function describe(open: Open, keyword: string, name: string, rest: string, isOpenMetrics: boolean): void {
  if (keyword === 'HELP') {
    must(open.help === null && rest !== '', `${name} has one HELP`);
    open.help = unescaped(rest, isOpenMetrics ? 'n"\\' : 'n\\');
    if (isOpenMetrics) must(!/(?<!\\)(?:\\\\)*"/.test(rest), 'quotes are escaped');
  } else if (keyword === 'TYPE') {
    must(open.type === null && ['counter', 'gauge'].includes(rest), `${name} has one TYPE that we use`);
    if (isOpenMetrics) must(!name.endsWith('_total'), 'a family of OpenMetrics has no suffix');
    open.type = rest;
  } else {
    must(open.unit === null && name.endsWith(`_${rest}`), `${name} ends with its unit`);
    open.unit = rest;
  }
}

function belongs(sample: string, family: string, type: string, isOpenMetrics: boolean): boolean {
  return sample === (isOpenMetrics && type === 'counter' ? `${family}_total` : family);
}

function closed(families: ReadonlyMap<string, Open>): Map<string, ParsedFamily> {
  return new Map(
    [...families].map(([name, { help, type, unit, samples }]) => {
      must(help !== null && type !== null && samples.length > 0, `${name} has HELP, TYPE and samples`);
      if (type === 'counter') for (const { value } of samples) must(value >= 0, `the counter ${name} is not negative`);
      return [name, { name, help: help ?? '', type: type ?? '', unit, samples }];
    }),
  );
}

function sampleOf(line: string): ParsedSample {
  const name = NAME.exec(line)?.[0] ?? '';
  must(name !== '', `a sample begins with a name: ${line}`);
  const [labels, rest] =
    line[name.length] === '{' ? labelsOf(line.slice(name.length + 1)) : [{}, line.slice(name.length)];
  must(rest.startsWith(' ') && VALUE.test(rest.slice(1)), `a sample ends with its value: ${line}`);
  const text = rest.slice(1);
  return { name, labels, value: text.endsWith('Inf') ? Number(`${text}inity`) : Number(text) };
}

/** @param text what stands behind the brace @returns the labels, and what stands behind theirs */
function labelsOf(text: string): [Record<string, string>, string] {
  const labels: Record<string, string> = {};
  let rest = text;
  while (!rest.startsWith('}')) {
    const name = LABEL.exec(rest)?.[0] ?? '';
    must(
      name !== '' && !name.startsWith('__') && !Object.hasOwn(labels, name),
      `a label has a name of its own: ${rest}`,
    );
    const value = /^="((?:[^"\\\n]|\\.)*)"/.exec(rest.slice(name.length));
    must(value !== null, `a label has a value in quotes: ${rest}`);
    labels[name] = unescaped(value?.[1] ?? '', 'n"\\');
    rest = rest.slice(name.length + (value?.[0].length ?? 0));
    if (rest.startsWith(',')) rest = rest.slice(1);
    else must(rest.startsWith('}'), `labels are separated by commas: ${rest}`);
  }
  return [labels, rest.slice(1)];
}

function unescaped(text: string, known: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => {
    must(known.includes(char), `\\${char} is no escape`);
    return char === 'n' ? '\n' : char;
  });
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`exposition: ${what}`);
}
