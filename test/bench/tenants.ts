// `tenants`: what one more tenant costs. Signing up, bytes of one that sleeps, memory of one that is awake, a silent device, and
// logging in beside a thousand and beside a million others.

import { scryptSync } from 'node:crypto';
import { cpSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { call } from '../../local/local-tenant.ts';
import { fillDirectory } from './directory-rows.ts';
import { inFolder, onPlatform, signUp, type Tenant } from './local-platform.ts';
import { canSeeProcesses, cpuMs, residentBytes } from './process-usage.ts';
import { bounded, compared, type Measure, median, type Outcome, plain } from './report.ts';
import { connectSilentDevices, enrolSilentDevices } from './silent-devices.ts';

const TENANTS = 60;
const SIGN_UP_LANES = 4;
const DEVICES = 200;
/** An object without requests leaves memory after some ten seconds; its sockets stay. */
const sleepMs = 12_000;
const watchMs = 20_000;
const FEW = 1_000;
const MANY = 1_000_000;
const LOG_INS = 20;
/** Filling a directory ends after so long, with what is in it then. */
const fillMsMax = 20_000;
/** Log-ins wait for the password hash; what the directory adds beside a thousand times as many rows must not show. */
const flatRatioMax = 1.25;

export function tenants(): Promise<Outcome> {
  return inFolder(async (folder) => {
    const home = join(folder, 'many');
    const signedUp = await signUps(home);
    const measures = [...signedUp.measures];
    measures.push(...(await awake(home, signedUp.tenants)));
    measures.push(...(await logIns(home, signedUp.tenants)));
    if (canSeeProcesses) measures.push(...(await silentDevices(join(folder, 'devices'))));
    return { measures, notes: NOTES };
  });
}

/** Sign-ups a second, and what they leave on disk. */
async function signUps(home: string): Promise<{ measures: Measure[]; tenants: Tenant[] }> {
  const signedUp: Tenant[] = [];
  let before = 0;
  const latencies: number[] = [];
  const seconds = await onPlatform(home, async ({ url }) => {
    // The first one pays for what is compiled and opened once.
    signedUp.push(await signUp(url));
    before = bytesIn(home);
    const numbers = Array.from({ length: TENANTS }).values();
    const started = performance.now();
    const lane = async (): Promise<void> => {
      for (const _ of numbers) {
        const sent = performance.now();
        signedUp.push(await signUp(url));
        latencies.push(performance.now() - sent);
      }
    };
    await Promise.all(Array.from({ length: SIGN_UP_LANES }, lane));
    return (performance.now() - started) / 1_000;
  });
  const hashMs = passwordMs();
  return {
    tenants: signedUp,
    measures: [
      compared(
        'tenants',
        `sign-ups, ${SIGN_UP_LANES} at once`,
        'tenants/s',
        'their password hashes alone, one by one',
        [{ ours: TENANTS / seconds, theirs: 1_000 / hashMs }],
      ),
      plain('tenants', 'bytes on disk of a tenant that sleeps', (bytesIn(home) - before) / TENANTS / 1_024, 'KiB'),
    ],
  };
}

/** What it takes to wake a tenant: after a start all of them sleep. */
async function awake(home: string, signedUp: readonly Tenant[]): Promise<Measure[]> {
  return await onPlatform(home, async (platform) => {
    const resident = (): number => (canSeeProcesses ? residentBytes(platform.workerdPid ?? 0) : 0);
    const look = ({ apiKey }: Tenant): Promise<unknown> => call(platform.url, '/v1/ledger/accounts', { apiKey });
    const [first, ...others] = signedUp as [Tenant, ...Tenant[]]; // as many as signed up
    // The first one pays for what is compiled once.
    await look(first);
    await look(first);
    const asleep = resident();
    const latencies: number[] = [];
    for (const tenant of others) {
      const sent = performance.now();
      await look(tenant);
      latencies.push(performance.now() - sent);
    }
    const perTenant = (resident() - asleep) / others.length / 1_024;
    return [
      plain('tenants', 'p50 of the first request to a tenant that sleeps', median(latencies), 'ms'),
      ...(canSeeProcesses ? [plain('tenants', 'memory of a tenant that is awake', perTenant, 'KiB')] : []),
    ];
  });
}

/** Log-ins among few and among many, in turns on two platforms. */
async function logIns(home: string, signedUp: readonly Tenant[]): Promise<Measure[]> {
  const manyHome = `${home}-more`;
  cpSync(home, manyHome, { recursive: true });
  const few = fillDirectory(home, FEW, fillMsMax);
  const many = fillDirectory(manyHome, MANY, fillMsMax);
  const latencies: Record<'few' | 'many', number[]> = { few: [], many: [] };
  await onPlatform(home, (fewer) =>
    onPlatform(manyHome, async (more) => {
      for (const [round, { email, password }] of signedUp.slice(0, LOG_INS + 1).entries()) {
        for (const [among, { url }] of [
          ['few', fewer],
          ['many', more],
        ] as const) {
          const sent = performance.now();
          await call(url, '/v1/login', { body: { email, password } });
          // The first one pays for what is compiled and opened once.
          if (round > 0) latencies[among].push(performance.now() - sent);
        }
      }
    }),
  );
  const count = (rows: number): string => rows.toLocaleString('en-US');
  const turns = latencies.many.map((ours, i) => ({ ours, theirs: latencies.few[i] ?? Number.NaN }));
  const what = `p50 of a log-in with ${count(many)} tenants in the directory`;
  return [compared('tenants', what, 'ms', `with ${count(few)}`, turns, { most: flatRatioMax })];
}

/** What connected devices cost that say nothing. */
async function silentDevices(home: string): Promise<Measure[]> {
  return await onPlatform(home, async (platform) => {
    const { apiKey } = await signUp(platform.url);
    const pid = platform.workerdPid ?? 0;
    const enrolled = await enrolSilentDevices(platform.url, apiKey, DEVICES);
    const idle = await cpuWhile(pid, watchMs / 2);
    const empty = residentBytes(pid);
    const devices = await connectSilentDevices(enrolled);
    try {
      await pause(sleepMs);
      const busy = await cpuWhile(pid, watchMs);
      const { length } = enrolled;
      if (devices.connected() !== length)
        throw new Error(`only ${devices.connected()} of ${length} devices stayed connected`);
      // CPU time is counted in hundredths of a second: what cannot be told apart counts as one of them.
      const perDevice = (Math.max(busy - idle, 10 / watchMs) / length) * 60_000;
      return [
        plain('tenants', 'CPU without connected devices', idle * 100, '% of a core'),
        plain('tenants', `CPU with ${length} silent devices`, busy * 100, '% of a core'),
        bounded('tenants', 'CPU of one silent device, at most', perDevice, 'ms a minute', { most: 1 }),
        plain('tenants', 'memory of a silent device', (residentBytes(pid) - empty) / length / 1_024, 'KiB'),
      ];
    } finally {
      devices.close();
    }
  });
}

/** The share of one core that a process takes for a while. */
async function cpuWhile(pid: number, ms: number): Promise<number> {
  const [before, started] = [cpuMs(pid), performance.now()];
  await pause(ms);
  return (cpuMs(pid) - before) / (performance.now() - started);
}

/** One password hash with the cost of functions/directory/password.ts. */
function passwordMs(): number {
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    scryptSync('a pass phrase', 'sixteen bytes of', 32, { N: 16_384, r: 16, p: 1, maxmem: 2 ** 26 });
    return performance.now() - started;
  });
  return median(times);
}

/** What a folder takes on disk. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    bytes += (statSync(join(folder, file), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  return bytes;
}

const NOTES = [
  'A sign-up is one password hash (scrypt, 32 MiB, on purpose slow), one transaction in the directory, and a swarm of its own with its first events, each part durable.',
  'A silent device sends a ping every 20 s, as the protocol asks; the runtime answers it without waking the squad. The patrol of a squad for sockets that are gone comes more rarely than the watch here lasts.',
  'Bytes on disk are those of all files of the platform, in blocks of the file system, after it has stopped; about half is the write-ahead log, which a later start folds in. Memory is what workerd holds in RAM; the runtime keeps what it once took, so a tenant that went back to sleep shows only in what the next one needs.',
  'Left out: what Cloudflare bills for any of this, sign-ups from many machines, and tenants that are awake by the thousand.',
];
