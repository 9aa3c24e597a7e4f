// The `starling` command as a function: words in, exit code out. Nothing here touches the process; entry.ts does.

import { createApi } from './api.ts';
import { findCommand, readArguments } from './arguments.ts';
import { type Command, type CommandContext, type Flags, fail, misused } from './command.ts';
import { apiKey, type Config, readConfig, serverUrl } from './config.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { helpOf, helpOfAll } from './help.ts';
import { atMoment } from './moment.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command. What it throws is a defect, for the caller to report. */
export async function runCommand(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  if (argv.length === 0 || argv[0] === 'help' || argv[0] === '--help') {
    terminal.out(helpOfAll());
    return argv.length === 0 ? EXIT.usage : EXIT.ok;
  }
  const found = findCommand(argv);
  if (found === null) {
    terminal.err(`starling: there is no command "${argv.slice(0, 2).join(' ').slice(0, 100)}"\n\n${helpOfAll()}`);
    return EXIT.usage;
  }
  const { command, rest } = found;
  const parsed = readArguments(command, rest);
  if (!parsed.ok) {
    terminal.err(`starling: ${parsed.error}\nstarling ${command.name} --help shows what it takes.\n`);
    return EXIT.usage;
  }
  const { flags, words } = parsed.value;
  if (flags.has('help')) {
    terminal.out(helpOf(command));
    return EXIT.ok;
  }
  return call(command, flags, words, terminal);
}

async function call(command: Command, flags: Flags, words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const none: Config = { url: '', key: null, tenant: null, swarm: null };
  const stored = readConfig(terminal.env);
  const config = stored.ok ? stored.value : none;
  const url = serverUrl(flags.one('url'), terminal.env, config);
  const key = url === null ? null : apiKey(url, terminal.env, config);
  const api = createApi(url ?? '', key, terminal);
  const context: CommandContext = { terminal, flags, words, json: flags.has('json'), config, api };
  if (!stored.ok) return fail(context, 'usage', { code: 'config_unreadable', message: stored.error });
  if (url === null) return misused(context, 'the server is named by an http or https URL');
  if (command.needsKey && key === null) {
    const { signedOut } = await import('./commands/account.ts');
    return signedOut(context);
  }
  const meant = atMoment(context);
  if (typeof meant === 'number') return meant;
  const run = await command.load();
  return run(meant);
}
