// The program: gives the command the process's own streams, environment and signals, and ends with its exit code.

import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';
import { runCommand } from './main.ts';
import { askSecret, readAll, untilEnd } from './stdin.ts';
import type { Terminal } from './terminal.ts';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopping.abort();
    // A second one ends it at once: the default is back.
  });
}
// A reader that goes away (`starling journal tail | head`) ends the command without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.defect),
);

const terminal: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isWatched: process.stderr.isTTY === true,
  env: process.env,
  cwd: process.cwd(),
  readAll: (bytesMax) => readAll(process.stdin, bytesMax),
  inputEnded: () => untilEnd(process.stdin),
  askSecret: (prompt) => askSecret(prompt, process.stdin, process.stderr),
  interrupted: stopping.signal,
  fetch,
  now: Date.now,
  pause: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined), // woken early
  random: Math.random,
};

/** A defect: the stack names lines of ours, no input. Whatever it left is for the next start to find as after a crash. */
function crash(error: unknown): never {
  process.stderr.write(`starling: a defect of this program\n${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(EXIT.defect);
}
process.on('uncaughtException', crash);

// Sockets that are kept for reuse would hold the process for seconds: it ends when the command has.
process.exit(await runCommand(process.argv.slice(2), terminal).catch(crash));
