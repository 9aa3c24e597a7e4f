// docs/reference/cli.md names every command, option and exit code of `starling`, and no other.

import { describe, expect, it } from 'vitest';
import type { Option } from '../../edge-node/src/cli/command.ts';
import { COMMANDS, COMMON_OPTIONS } from '../../edge-node/src/cli/commands.ts';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { codeIn, read, rowsOf, sectionsOf, table } from './docs-pages.ts';

const page = read('docs/reference/cli.md');

/** Options as the page writes them: `--home <folder>`, and an ellipsis behind those that may stand more than once. */
function written(rows: readonly string[][]): string[] {
  return rows.map(([option = '']) => option.replaceAll('`', '')).toSorted();
}

function inCode(options: Readonly<Record<string, Option>>): string[] {
  const named = Object.entries(options).map(([name, { value, many }]) => {
    const follows = value === undefined ? '' : ` <${value}>`;
    return `--${name}${follows}${many ? ' …' : ''}`;
  });
  return named.toSorted();
}

describe('the page of the command', () => {
  it('has a section for each command, and no other', () => {
    const headings = [...sectionsOf(page).keys()].filter((heading) => heading.startsWith('### '));
    const names = COMMANDS.map(({ name, words = [] }) => `### \`${[name, ...words].join(' ')}\``);
    expect(headings.toSorted()).toEqual(names.toSorted());
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))('names the options of %s', (_, command) => {
    const section = sectionsOf(page).get(`### \`${[command.name, ...(command.words ?? [])].join(' ')}\``) ?? '';
    expect(written(rowsOf(section))).toEqual(inCode(command.options ?? {}));
    for (const alias of command.aliases ?? []) expect(section).toContain(`\`${alias}\``);
  });

  it('names the options that every command has', () => {
    expect(written(table(page, '## Options of every command'))).toEqual(inCode(COMMON_OPTIONS));
  });

  it('names every exit code with its number', () => {
    const rows = table(page, '## Exit codes').map(([code, name]) => [codeIn(name)[0], Number(code)] as const);
    expect(Object.fromEntries(rows)).toEqual(EXIT);
    expect(rows.length).toBe(Object.keys(EXIT).length);
  });
});
