// `npm run bench [-- name …]`: the benchmarks on this machine, one after the other. Prints the machine, then one JSON object per
// measure, and rewrites docs/reference/performance.md. `name/part` runs a part of one, and writes nothing. A goal that is not met is a result, not a failure: the exit code is 1
// only when a benchmark could not run.

import { writeDocument } from './document.ts';
import { fairness } from './fairness.ts';
import { ledger } from './ledger.ts';
import { describeMachine } from './machine.ts';
import { replay } from './replay.ts';
import type { Outcome } from './report.ts';
import { start } from './start.ts';
import { task } from './task.ts';
import { tenants } from './tenants.ts';
import { traces } from './traces.ts';

const BENCHES: Readonly<
  Record<string, { readonly about: string; readonly run: (parts: readonly string[]) => Promise<Outcome> }>
> = {
  ledger: {
    about:
      'Journaled, hash-chained, double-entry transfers in one swarm object: against the same rows written by bare SQLite statements in the same workerd, and against PostgreSQL doing the same double entry.',
    run: ledger,
  },
  task: {
    about:
      '`POST /v1/tasks` with `Prefer: wait` through the real server: leased, done by the swarm itself, paid; durable at each step. Against a Restate server with a handler of three durable steps.',
    run: task,
  },
  replay: {
    about:
      'A million events: what they take in the archive, how fast everything is rebuilt from there, and how long any moment takes.',
    run: replay,
  },
  traces: {
    about: 'The same tasks with and without the export of traces, on two platforms in turns.',
    run: traces,
  },
  tenants: {
    about: 'What one more tenant costs: signing up, sleeping, a silent device, and logging in beside many others.',
    run: tenants,
  },
  fairness: {
    about:
      'How long a reader of one tenant (`GET /v1/tasks`) waits while another tenant does the worst that it may: alone, beside 16 callers posting tasks, and beside each of these.',
    run: fairness,
  },
  start: {
    about: 'How long until something answers, and how big it is.',
    run: start,
  },
};

async function main(names: readonly string[]): Promise<number> {
  const asked = names.map((name) => {
    const [bench = '', part = null] = name.split('/', 2);
    return { bench, part };
  });
  const unknown = asked.map(({ bench }) => bench).filter((bench) => BENCHES[bench] === undefined);
  if (unknown.length > 0) {
    process.stderr.write(`bench: there is no ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}\n`);
    return 2;
  }
  const machine = describeMachine();
  process.stdout.write(`${JSON.stringify(machine)}\n`);
  const outcomes = new Map<string, Outcome>();
  let failed = 0;
  for (const [name, { run }] of Object.entries(BENCHES)) {
    const mine = asked.filter(({ bench }) => bench === name);
    if (names.length > 0 && mine.length === 0) continue;
    try {
      const parts = mine.flatMap(({ part }) => part ?? []);
      const outcome = await run(parts);
      if (parts.length === 0) outcomes.set(name, outcome);
      for (const measure of outcome.measures) process.stdout.write(`${JSON.stringify(measure)}\n`);
      for (const note of outcome.notes) process.stderr.write(`${name}: ${note}\n`);
    } catch (error) {
      failed++;
      process.stderr.write(`bench: ${name} could not run: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  const about = Object.fromEntries(Object.entries(BENCHES).map(([name, bench]) => [name, bench.about]));
  if (outcomes.size > 0) writeDocument(about, outcomes, machine);
  return failed > 0 ? 1 : 0;
}

// What was started ends with this process: each benchmark sees to that on `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
