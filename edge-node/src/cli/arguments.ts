// From words on the command line to a command with its flags, or to a sentence about what is wrong with them.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Command, Flags, Option } from './command.ts';
import { COMMANDS, COMMON_OPTIONS } from './commands.ts';

export interface Called {
  readonly command: Command;
  readonly flags: Flags;
  readonly words: readonly string[];
}

/** The command that the first words name: `task run`, `verify`. The rest are its own. */
export function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } | null {
  for (const length of [2, 1]) {
    const name = argv.slice(0, length).join(' ');
    const command = COMMANDS.find((one) => one.name === name || one.aliases?.includes(name));
    if (command && argv.length >= length) return { command, rest: argv.slice(length) };
  }
  return null;
}

export function optionsOf(command: Command): Readonly<Record<string, Option>> {
  return { ...command.options, ...COMMON_OPTIONS };
}

/** Reads the words that follow a command's name. */
export function readArguments(command: Command, rest: readonly string[]): Result<Called, string> {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, { value, many }] of Object.entries(optionsOf(command))) {
    options[name] = { type: value === undefined ? 'boolean' : 'string', multiple: many ?? false };
  }
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: joined(rest, options), options, allowPositionals: true, strict: true });
  } catch (error) {
    // The first sentence says which option; the rest is advice about parseArgs itself.
    return err(error instanceof Error ? (error.message.split('. ', 1)[0] ?? '') : 'the options cannot be read');
  }
  const wanted = command.words ?? [];
  const { values, positionals } = parsed;
  const needed = wanted.filter((word) => !word.startsWith('[')).length;
  const isRight = positionals.length >= needed && positionals.length <= wanted.length;
  if (!isRight && values.help !== true) {
    return err(`expected: starling ${[command.name, ...wanted].join(' ')}`);
  }
  return ok({ command, words: positionals, flags: flagsOver(values) });
}

/** `--at -10m` as `--at=-10m`: parseArgs takes what begins with a dash for an option of its own. */
function joined(rest: readonly string[], options: ParseArgsOptionsConfig): string[] {
  const args: string[] = [];
  for (const word of rest) {
    const last = args.at(-1) ?? '';
    const isSpan = /^-\d/.test(word) && last.startsWith('--') && options[last.slice(2)]?.type === 'string';
    if (isSpan) args.pop();
    args.push(isSpan ? `${last}=${word}` : word);
  }
  return args;
}

function flagsOver(values: Readonly<Record<string, unknown>>): Flags {
  const texts = (name: string): string[] => [values[name]].flat().filter((value) => typeof value === 'string');
  return {
    has: (name) => values[name] !== undefined && values[name] !== false,
    one: (name) => texts(name).at(-1),
    many: texts,
  };
}
