// The kill test [P1] [P2] [P6]: the real server and a real edge node under load, killed with SIGKILL at random moments, started
// again with no help, and held to everything that they acknowledged.
//
//   npm run kill-test -- [--kills 100] [--seed S] [--planted]
//
// Ends with one line of JSON, and with exit code 1 when a promise was broken. `--planted` tells the checker lies afterwards: it
// must find them all, so such a run ends with 1 as well, and with 2 when a lie was not found.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checkNow, checkWhole } from './kill/checks.ts';
import { type EdgeProcess, enrolEdgeNode, factsOfDevice, runEdgeNode } from './kill/edge-process.ts';
import { type Load, promise, startLoad } from './kill/load.ts';
import { plantLies } from './kill/planted.ts';
import { freePort, runServer, type ServerProcess } from './kill/server-process.ts';
import { openTenant, signUpTenant, type Tenant } from './kill/tenant.ts';
import { type Findings, openFindings } from './model/findings.ts';
import { type Random, seededRandom } from './random.ts';

const KINDS = ['workerd', 'server', 'edge'] as const;
type Kind = (typeof KINDS)[number];

const TENANTS = ['north', 'south', 'east'] as const;
/** Load between two kills. */
const loadMsMin = 150;
const loadMsMax = 1_200;
/** A second kill comes while the first is being mended. */
const twiceShare = 0.25;
const twiceMsMax = 400;
/** Every so many kills somebody signs up while the server is killed. */
const newcomerEach = 5;
const killMsMax = 10_000;

interface Run {
  readonly server: ServerProcess;
  readonly edge: EdgeProcess;
  readonly edgeHome: string;
  readonly device: string;
  readonly tenants: readonly Tenant[];
  readonly newcomers: Promise<Tenant>[];
  readonly load: Load;
  readonly random: Random;
  readonly findings: Findings;
  readonly killed: Record<Kind, number>;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { kills: { type: 'string' }, seed: { type: 'string' }, planted: { type: 'boolean' } },
  });
  const kills = Number(values.kills ?? 100);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!Number.isInteger(kills) || kills < 0 || !Number.isInteger(seed))
    throw new Error('--kills and --seed are whole numbers');
  const folder = mkdtempSync(join(tmpdir(), 'starling-kill-'));
  const started = performance.now();
  const findings = openFindings(({ kind, subject, detail }) => say(`${kind}: ${subject}: ${detail.slice(0, 1_000)}`));
  const random = seededRandom(seed);
  const server = runServer(join(folder, 'server'), await freePort());
  const ended: string[] = [];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  let run: Run | null = null;
  let missed: string[] = [];
  try {
    run = await begin(server, folder, random, findings);
    await killAll(run, kills);
    await finish(run, folder);
    if (values.planted) missed = await plantLies(server, join(folder, 'server'), random.fork(), findings);
  } catch (error) {
    findings.add('server', 'run', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  await run?.edge.stop();
  for (const { follower } of run?.tenants ?? []) follower?.stop();
  const code = await server.stop();
  if (code !== 0) findings.add('server', 'stop', `SIGTERM ended it with ${code ?? 'a kill'}`);
  if (findings.count() > 0) {
    ended.push(...server.output().slice(-40), ...(run?.edge.output().slice(-10) ?? []));
    say(`the end of what server and edge node said:\n${ended.join('\n')}\nseed ${seed}`);
  }
  for (const lie of missed) say(`the checker did not find the planted lie: ${lie}`);
  process.stdout.write(`${JSON.stringify(summary(run, findings, { seed, started, missed }))}\n`);
  if (missed.length > 0) return 2;
  return findings.count() > 0 ? 1 : 0;
}

async function begin(server: ServerProcess, folder: string, random: Random, findings: Findings): Promise<Run> {
  const { url } = server;
  await server.healthy();
  const tenants = await Promise.all(TENANTS.map((name) => signUpTenant(name, { url, findings, follow: true })));
  const [withDevice] = tenants as [Tenant, ...Tenant[]]; // as many as there are names
  const edgeHome = join(folder, 'edge');
  const device = await enrolEdgeNode(edgeHome, withDevice.client);
  const edge = runEdgeNode(edgeHome);
  await untilOffered(withDevice);
  return {
    ...{ server, edge, edgeHome, device, tenants, random, findings },
    newcomers: [],
    load: startLoad(tenants, withDevice, random),
    killed: { workerd: 0, server: 0, edge: 0 },
  };
}

/** The device's tasks are refused until somebody offers to do them. */
async function untilOffered({ client }: Tenant): Promise<void> {
  for (;;) {
    const { data } = await client.read<{ data: { name: string }[] }>('/v1/operations');
    if (data.some(({ name }) => name === 'text.keywords')) return;
    await pause(50);
  }
}

async function killAll(run: Run, kills: number): Promise<void> {
  const { server, random, load, tenants, findings } = run;
  for (let made = 0; made < kills; ) {
    await pause(random.between(loadMsMin, loadMsMax));
    if (made % newcomerEach === 0) run.newcomers.push(newcomer(run, made));
    await kill(run);
    made++;
    if (made < kills && random.chance(twiceShare)) {
      await pause(random.between(0, twiceMsMax));
      await kill(run);
      made++;
    }
    await server.healthy();
    await load.hold();
    await Promise.all(tenants.map((tenant) => checkNow(tenant, random, findings)));
    load.resume();
    if (made % 10 === 0) say(`${made} kills, ${load.requests()} requests, ${findings.count()} violations`);
  }
}

/** Kills something that runs. What is just being started again is waited for, not passed over. */
async function kill({ server, edge, random, killed }: Run): Promise<void> {
  const kind = random.pick(KINDS);
  const strike = { workerd: server.killWorkerd, server: server.killGroup, edge: edge.kill }[kind];
  const until = performance.now() + killMsMax;
  while (!strike()) {
    if (performance.now() > until) throw new Error(`there was no ${kind} to kill`);
    await pause(5);
  }
  killed[kind]++;
}

/** Somebody signs up and asks for a first task while the server is being killed. */
async function newcomer({ server, findings }: Run, made: number): Promise<Tenant> {
  const tenant = await signUpTenant(`newcomer-${made}`, { url: server.url, findings, follow: false });
  await promise('task', tenant, { path: '/v1/tasks', body: { operation: 'swarm.echo', input: 'hello' } });
  return tenant;
}

/** The load ends, and everything is checked: also the tenant that the server makes for itself on its first start. */
async function finish(run: Run, folder: string): Promise<void> {
  const { server, edge, edgeHome, device, tenants, newcomers, load, findings } = run;
  await load.stop();
  say('checking everything');
  const all = [...tenants, ...(await Promise.all(newcomers))];
  await Promise.all(all.map((tenant) => checkWhole(tenant, findings)));
  const { apiKey } = JSON.parse(readFileSync(join(folder, 'server', 'local.json'), 'utf8')) as { apiKey: string };
  await checkWhole(openTenant('local', apiKey, { url: server.url, findings, follow: false }), findings);
  await edge.stop();
  await tenants[0]?.mirror.catchUp();
  const { epoch, used, committed } = factsOfDevice(edgeHome);
  const counted = tenants[0]?.mirror.facts.counted(device, epoch);
  if (committed !== used) findings.add('facts', device, `${used - committed} facts were not confirmed in the end`);
  if (counted !== used) findings.add('facts', device, `the device told ${used} facts, the journal has ${counted}`);
}

function summary(
  run: Run | null,
  findings: Findings,
  { seed, started, missed }: { readonly seed: number; readonly started: number; readonly missed: readonly string[] },
) {
  const tenants = run?.tenants ?? [];
  const sum = (of: (tenant: Tenant) => number): number => tenants.reduce((total, tenant) => total + of(tenant), 0);
  const killed = run?.killed ?? { workerd: 0, server: 0, edge: 0 };
  const ends: Record<string, number> = {};
  for (const { mirror } of tenants)
    for (const [end, count] of Object.entries(mirror.work.ends())) ends[end] = (ends[end] ?? 0) + count;
  return {
    kills: killed.workerd + killed.server + killed.edge,
    acknowledged: sum(({ promises }) => promises.promised.length),
    lost: findings.count('lost'),
    doubled: findings.count('doubled'),
    violations: findings.count(),
    events: sum(({ mirror }) => mirror.size()),
    seconds: Math.round((performance.now() - started) / 100) / 10,
    seed,
    killed,
    refused: sum(({ promises }) => promises.refused.length),
    retried: sum(({ client }) => client.retries()),
    facts: sum(({ mirror }) => mirror.facts.total()),
    ends,
    streams: sum(({ follower }) => follower?.opened() ?? 0),
    // The platform gives up when workerd is lost while it starts, or too often [P18]; whatever runs it starts it again.
    gaveUp: run?.server.ownEnds() ?? 0,
    ...(missed.length > 0 ? { missed } : {}),
  };
}

function say(text: string): void {
  process.stderr.write(`kill-test: ${text}\n`);
}

process.exitCode = await main();
// Followers and keep-alive sockets may linger; everything that was started has been stopped.
process.exit();
