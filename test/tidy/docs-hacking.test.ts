// docs/internals/hacking.md names the files that a change touches; here it is seen whether its examples stand in exactly
// those, so that the page stays true and a change that needs more files is noticed.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeIn, read, rowsOf, sectionsOf, table } from './docs-pages.ts';
import { isCode, readRepository, root, topFolder } from './repository.ts';

const page = read('docs/internals/hacking.md');
/** What runs: not the tests, which may name anything. */
const sources = readRepository().filter((file) => isCode(file) && topFolder(file.path) !== 'test');

/** The files in which a text stands as a word of its own, comments aside. */
function filesWith(text: string): string[] {
  const word = new RegExp(`(?<![\\w-])${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`);
  return sources.filter((file) => word.test(file.text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, ''))).map(({ path }) => path);
}

const examples = table(page, '## Which files a change touches').map(([what = '', example, files]) => ({
  what,
  example: codeIn(example)[0] ?? '',
  files: codeIn(files),
}));

describe('the page for whoever changes the code', () => {
  it.each(examples.map((one) => [one.what, one] as const))(
    '%s touches the files that it says',
    (_, { example, files }) => {
      expect(filesWith(example).toSorted()).toEqual(files.toSorted());
    },
  );

  it('an operation, an event and a command touch few files', () => {
    const count = (what: string) => examples.find((one) => one.what === what)?.files.length;
    expect(count('an operation of a device')).toBeLessThanOrEqual(2);
    expect(count('an event')).toBeLessThanOrEqual(4);
    expect(count('a command')).toBeLessThanOrEqual(5);
  });

  it('every file and folder that it names is there', () => {
    const named = codeIn(page).filter((code) => /^[\w.-]+(\/[\w.-]+)*\/?$/.test(code) && code.includes('/'));
    expect(named.length).toBeGreaterThan(20);
    expect([...new Set(named)].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names every folder of tests', () => {
    const folders = readdirSync(join(root, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const named = codeIn(
      rowsOf(sectionsOf(page).get('## Tests') ?? '')
        .map((row) => row[1])
        .join(' '),
    );
    expect(folders.map(({ name }) => `test/${name}/`).toSorted()).toEqual(named.toSorted());
  });
});
