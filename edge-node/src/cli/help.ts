// Help for people: the list of commands, and one command's options.

import { optionsOf } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';

/** All commands, one line each. */
export function helpOfAll(): string {
  const names = COMMANDS.map(({ name, words = [] }) => [name, ...words].join(' '));
  const width = Math.max(...names.map((name) => name.length));
  const lines = COMMANDS.map(({ summary }, index) => `  ${(names[index] ?? '').padEnd(width)}  ${summary}`);
  return `starling <command> [options]\n\n${lines.join('\n')}\n\nstarling <command> --help shows the options of one. Exit codes: docs/reference/cli.md.\n`;
}

/** One command with its options. */
export function helpOf(command: Command): string {
  const options = Object.entries(optionsOf(command)).map(([name, { value, help }]) => ({
    name: `--${name}${value === undefined ? '' : ` <${value}>`}`,
    help,
  }));
  const width = Math.max(...options.map(({ name }) => name.length));
  const lines = options.map(({ name, help }) => `  ${name.padEnd(width)}  ${help}`);
  return `starling ${[command.name, ...(command.words ?? [])].join(' ')}\n\n${command.summary}\n\n${lines.join('\n')}\n`;
}
