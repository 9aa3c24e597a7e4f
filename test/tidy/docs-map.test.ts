// Pages as a whole: every one is on the map, opens with whom it is for, marks its code with a language, and names commands
// that exist. Decisions have their four parts and their numbers in a row; alerts have a runbook.

import { describe, expect, it } from 'vitest';
import { type Block, blocksOf, codeIn, read, sectionsOf, table } from './docs-pages.ts';
import { titlesOf } from './file-rules.ts';
import { readRepository } from './repository.ts';

const files = readRepository();
const docs = files.filter(({ path }) => path.startsWith('docs/') && path.endsWith('.md'));
const atRoot = files.filter(({ path }) => /^(README|SECURITY|CHANGELOG)\.md$/.test(path));
const map = read('docs/README.md');
// npm's own file: an object of texts under `scripts`.
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Blocks that a reader can run as they stand. */
const runnable: [path: string, block: Block][] = [...atRoot, ...docs].flatMap(({ path, text }) =>
  blocksOf(text)
    .filter(({ language }) => language === 'sh')
    .map((block): [string, Block] => [path, block]),
);

describe('the map of the pages', () => {
  it('has every page once, with a sentence', () => {
    const line = /^- \[[^\]]+\]\(([^)]+\.md)\): \S[^\n]*(?:\n {2}[^\n]*)*\.$/gm;
    const listed = [...map.matchAll(line)].map(([, path]) => `docs/${path}`);
    const pages = docs.map(({ path }) => path).filter((path) => path !== 'docs/README.md');
    expect(listed.toSorted()).toEqual(pages.toSorted());
  });

  it('is linked from the first page', () => {
    expect(read('README.md')).toContain('](docs/README.md)');
  });
});

describe('every page', () => {
  it('opens with whom it is for', () => {
    const silent = [...docs, ...atRoot.filter(({ path }) => path !== 'README.md')].filter(({ text }) => {
      const [, opening = ''] = text.split(/\n\s*\n/);
      return !/^For (whoever|the |everyone)/.test(opening.trim());
    });
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('has one title, and marks each block of code with a language', () => {
    for (const { path, text } of [...docs, ...atRoot]) {
      const titles = [...sectionsOf(text).keys()].filter((heading) => heading.startsWith('# '));
      expect(titles.length, path).toBe(1);
      for (const { language } of blocksOf(text)) expect(language, path).toMatch(/^[a-z]+$/);
    }
  });

  it('names only scripts that package.json has', () => {
    for (const { path, text } of [...docs, ...atRoot]) {
      for (const [, name = ''] of text.matchAll(/\bnpm run ([a-z-]+)/g))
        expect(Object.keys(scripts), path).toContain(name);
      for (const [, name = ''] of text.matchAll(/\bnpm (start|test)\b/g))
        expect(Object.keys(scripts), path).toContain(name);
    }
  });

  it('runs only programs that are there: npm, npx starling, curl, openssl, node, python3', () => {
    expect(runnable.length).toBeGreaterThan(15);
    const known =
      /^(npm (start|test|run [a-z-]+( -- .*)?)|npx starling [a-z]+|curl -s |node -p |python3 docs\/verify\/verify\.py |export [A-Z_]+="\$\(node -p |[A-Z]+=)/;
    const strange = runnable.flatMap(([path, { text }]) =>
      commandsOf(text)
        .filter((line) => !known.test(line))
        .map((line) => `${path}: ${line}`),
    );
    expect(strange).toEqual([]);
  });

  it('sends requests of which each body is JSON', () => {
    for (const [path, { text }] of runnable) {
      for (const [, body = ''] of text.matchAll(/(?:-d|--input) '([{[][^']+)'/g))
        expect(() => JSON.parse(body), `${path}: ${body}`).not.toThrow();
      for (const [, plan = ''] of text.matchAll(/<<'PLAN'\n([\s\S]*?)\nPLAN/g))
        expect(() => JSON.parse(plan), path).not.toThrow();
    }
  });
});

/** The lines of a block that begin a command: not those that continue one, nor those of a here-document. */
function commandsOf(block: string): string[] {
  const commands: string[] = [];
  let until: string | null = null;
  let isQuoted = false;
  let isContinued = false;
  for (const line of block.trimEnd().split('\n')) {
    if (until !== null) {
      if (line === until) until = null;
      continue;
    }
    if (!isContinued) commands.push(line);
    until = line.match(/<<'([A-Z]+)'/)?.[1] ?? null;
    if ((line.match(/'/g) ?? []).length % 2 === 1) isQuoted = !isQuoted;
    isContinued = isQuoted || line.endsWith('\\');
  }
  return commands;
}

describe('the decisions', () => {
  const pages = docs.filter(({ path }) => path.startsWith('docs/decisions/'));

  it('are numbered in a row, and say their number', () => {
    const numbers = pages.map(({ path }) => path.match(/\/(\d{4})-[a-z0-9-]+\.md$/)?.[1]);
    expect(numbers).toEqual(pages.map((_, index) => String(index + 1).padStart(4, '0')));
    for (const [index, { text }] of pages.entries()) expect(text).toMatch(new RegExp(`^# ${numbers[index]}: `));
  });

  it('have context, options, decision and consequences, and a day', () => {
    for (const { path, text } of pages) {
      const headings = [...sectionsOf(text).keys()].filter((heading) => heading.startsWith('## '));
      expect(headings, path).toEqual(['## Context', '## Options', '## Decision', '## Consequences']);
      expect(text, path).toMatch(/Decided on \d{4}-\d\d-\d\d\. Frozen\./);
    }
  });
});

describe('the runbooks', () => {
  const monitor = read('docs/operate/monitor.md');
  const recover = read('docs/operate/recover.md');

  it('are one for each alert, and one alert for each', () => {
    const alerts = table(monitor, '## Alerts').map(([alert]) => `## ${alert}`);
    const runbooks = [...sectionsOf(recover).keys()].filter((heading) => heading.startsWith('## '));
    expect(runbooks).toEqual(alerts);
  });

  it('every line of the log that an object writes is explained', () => {
    const lines = files
      .filter(({ path }) => path.startsWith('durable-objects/') && path.endsWith('.ts'))
      .flatMap(({ text }) => [...text.matchAll(/\blog\('(?:warn|error)', '([a-z_]+)'/g)].map(([, name]) => name));
    expect(lines.length).toBeGreaterThan(0);
    expect(table(monitor, '## Logs').flatMap(([line]) => codeIn(line))).toEqual(expect.arrayContaining(lines));
  });
});

describe('the guarantees', () => {
  const sections = [...sectionsOf(read('docs/concepts/guarantees.md'))].filter(([heading]) => /^## P\d/.test(heading));

  it('are the nineteen promises in their order', () => {
    expect(sections.map(([heading]) => heading.match(/^## (P\d+) /)?.[1])).toEqual(
      Array.from({ length: 19 }, (_, index) => `P${index + 1}`),
    );
  });

  it.each(sections)('%s: names tests that are there, or says that it is not built', (heading, text) => {
    const named = codeIn(text.match(/^Tested by [\s\S]*?\.$/m)?.[0]);
    if (named.length === 0) {
      expect(text).toContain('Not built yet');
      return;
    }
    const there = files.map(({ path }) => path);
    expect(named.filter((path) => !there.includes(path))).toEqual([]);
    // Tests that say which promise they prove: at least one of them is named here.
    const id = `[${heading.match(/P\d+/)?.[0]}]`;
    const proving = files.filter((file) => file.path.startsWith('test/') && provesIn(file, id)).map(({ path }) => path);
    if (proving.length > 0)
      expect(
        proving.some((path) => named.includes(path)),
        `${id}: ${proving}`,
      ).toBe(true);
  });
});

/** Whether a test's title, or the opening of a program that tests, carries the promise's number. */
function provesIn(file: { readonly path: string; readonly text: string }, id: string): boolean {
  if (/\.test\.tsx?$/.test(file.path)) return titlesOf(file).some(({ title }) => title.includes(id));
  return file.path.startsWith('test/simulation/') && file.text.includes(id);
}

describe('the first page', () => {
  const page = read('README.md');

  it('names its two commands as package.json has them', () => {
    const two = blocksOf(sectionsOf(page).get('## Two commands') ?? '').map(({ text }) => text.trim());
    expect(two).toEqual(['npm start', 'npm test']);
  });

  it('has a tour of commands of `starling` that exist', async () => {
    const { COMMANDS } = await import('../../edge-node/src/cli/commands.ts');
    const names = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    for (const { text } of [...atRoot, ...docs]) {
      for (const [, first = '', second = ''] of text.matchAll(/npx starling ([a-z]+)(?: ([a-z][a-z-]*))?/g)) {
        expect(names.includes(first) || names.includes(`${first} ${second}`), `${first} ${second}`).toBe(true);
      }
    }
  });

  it('states its limits', () => {
    expect((sectionsOf(page).get('## Limits, stated') ?? '').match(/^- /gm)?.length).toBeGreaterThanOrEqual(6);
  });
});
