// `npm run fuzz -- --seed N [--requests M] [--only K]`: M mutated requests over the OpenAPI document and over device frames, against
// the built server in a home of its own. Ends with one line of JSON, and with exit code 1 when something was found.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPlatform } from '../../../local/platform.ts';
import { collectGarbage } from './collect-garbage.ts';
import { runFuzz } from './run-fuzz.ts';

/** Memory at the end may be so much more than after the first tenth. */
const growthMax = 1.1;
/** A shorter run says nothing of memory: after its tenth part, what is kept at hand is still filling. */
const requestsForMemory = 1_000_000;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, requests: { type: 'string' }, only: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const requests = Number(values.requests ?? 1_000_000);
const say = (text: string): void => void process.stderr.write(`fuzz: ${text}\n`);
say(`seed ${seed}, ${requests} requests`);
const home = mkdtempSync(join(tmpdir(), 'starling-fuzz-'));
const inspectorPort = await freePort();
const platform = await startPlatform({
  home,
  port: 0,
  inspectorPort,
  allowPrivateAddresses: true,
  log: (level, message) => {
    if (level === 'error' || level === 'warn') say(`platform ${level}: ${message.slice(0, 500)}`);
  },
});
try {
  const only = values.only === undefined ? {} : { only: Number(values.only) };
  const { findings, ...report } = await runFuzz(platform, {
    ...{ seed, requests, ...only, say },
    collect: () => collectGarbage(inspectorPort),
  });
  for (const { what, n, count, request, answer } of findings)
    say(`\n${what}\n  ${count} times, first as request ${n}: --seed ${seed} --only ${n}\n${request}\n→ ${answer}\n`);
  const { residentEarly, residentEnd } = report;
  const growth = residentEarly !== null && residentEnd !== null ? residentEnd / residentEarly : null;
  process.stdout.write(`${JSON.stringify({ ...report, growth, findings: findings.length })}\n`);
  const grew = requests >= requestsForMemory && growth !== null && growth > growthMax;
  if (findings.length > 0 || grew) process.exitCode = 1;
} finally {
  await platform.dispose();
  rmSync(home, { recursive: true, force: true, maxRetries: 3 });
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
