// Reads the command line of a package script without a shell. Plain words, quotes, `&&` and `npm run` are understood,
// which covers most check scripts; anything only a shell could do is refused.

import { OperationFailure } from '../operation.ts';

/** A program's name and its arguments. */
export interface Step {
  readonly name: string;
  readonly arguments: readonly string[];
}

const stepsMax = 20;
const depthMax = 5;

/** The steps of a script, in order, scripts called by it unfolded. Throws `script_not_found` or `script_needs_shell`. */
export function scriptSteps(name: string, scripts: Readonly<Record<string, string>>, depth = 0): Step[] {
  const line = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  if (line === undefined) throw new OperationFailure('script_not_found', `package.json has no script ${name}`);
  if (depth >= depthMax) throw needsShell(name);
  const steps = commandsOf(line, name).flatMap((words): Step[] => {
    const [program, ...rest] = words;
    if (program === undefined) throw needsShell(name);
    if (program !== 'npm') return [{ name: program, arguments: rest }];
    const [verb, called, ...more] = rest.filter((word) => word !== '--silent' && word !== '-s');
    if ((verb !== 'run' && verb !== 'run-script') || called === undefined || more.length > 0) throw needsShell(name);
    return scriptSteps(called, scripts, depth + 1);
  });
  if (steps.length > stepsMax) throw needsShell(name);
  return steps;
}

function needsShell(name: string): OperationFailure {
  return new OperationFailure('script_needs_shell', `the script ${name} uses more than plain words, quotes and &&`);
}

/** The words of each command between `&&`. */
function commandsOf(line: string, script: string): string[][] {
  const commands: string[][] = [[]];
  // A token is `&&`, or a run of plain characters and quoted pieces; in double quotes `$`, a backquote and a backslash
  // would have a meaning, and outside quotes every sign of the shell has one.
  const token = /\s+|&&|(?:[^\s'"&|;<>()$`\\*?[\]{}~#!]+|'[^']*'|"[^"$`\\]*")+/y;
  while (token.lastIndex < line.length) {
    const text = token.exec(line)?.[0];
    if (text === undefined) throw needsShell(script);
    if (text === '&&') commands.push([]);
    else if (text.trim() !== '') commands.at(-1)?.push(text.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  // `NAME=value program` sets a variable, which is the shell's work too.
  if (commands.some((words) => words[0] === undefined || words[0].includes('='))) throw needsShell(script);
  return commands;
}
