// A disk that is really full: the whole platform on a small one of its own, filled to the last byte. What was acknowledged is
// kept, what was refused says so, and it goes on by itself when there is room.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, send, told } from '../conformance/client.ts';
import { root } from '../tidy/repository.ts';
import { isWhole, sized } from './whole.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-disk-'));
const home = join(folder, 'home');
const sizeMb = 64;
const mount = `mount -t tmpfs -o size=${sizeMb}m tmpfs ${folder}`;
/** A mount that only the processes below it see; of a user of its own, where that is what the system lets nobody do. */
const flags = ['-Urm', '-m'].find((each) => spawnSync('unshare', [each, 'sh', '-c', mount]).status === 0);
const startMsMax = 60_000;

let shell: ChildProcess;
let said = '';

beforeAll(() => {
  if (flags === undefined) return;
  const loop = `${mount} && while read -r line; do eval "$line"; done; kill -9 $pid`;
  shell = spawn('unshare', [flags, 'sh', '-c', loop], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
  for (const stream of [shell.stdout, shell.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
});
afterAll(async () => {
  if (flags !== undefined) {
    const ended = new Promise((done) => shell.once('exit', done));
    shell.stdin?.end();
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Has the shell that sees the disk run a line; answers with what it said. */
async function tell(line: string): Promise<string> {
  const [from, end] = [said.length, randomUUID()];
  shell.stdin?.write(`${line}\necho ${end}\n`);
  await expect.poll(() => said.slice(from), { timeout: startMsMax, interval: 5 }).toContain(end);
  return said.slice(from, said.indexOf(end, from));
}

/** Starts the platform, and waits until it has said one of these. */
async function start(...words: readonly string[]): Promise<string> {
  const from = said.length;
  await tell(`STARLING_HOME=${home} PORT=0 '${process.execPath}' local/serve.ts & pid=$!`);
  await expect
    .poll(() => words.some((word) => said.slice(from).includes(word)), { timeout: startMsMax, interval: 20 })
    .toBe(true);
  return said.slice(from);
}

const fill = (leftKb: number) =>
  tell(
    leftKb === 0
      ? `cat /dev/zero > ${folder}/rest 2>/dev/null`
      : `head -c $((($(df -k --output=avail ${folder} | tail -1) - ${leftKb}) * 1024)) /dev/zero > ${folder}/filler`,
  );
const makeRoom = () => tell(`rm -f ${folder}/rest ${folder}/filler`);

/** What it says then: where only the runtime knows what is wrong, that something does not answer. */
const NO_ROOM = [
  [507, 'storage_exhausted'],
  [503, 'unavailable'],
];

test.skipIf(flags === undefined)(
  '[DOOR-10] filled to the last byte, it loses nothing that it acknowledged, and goes on by itself when there is room',
  { timeout: 240_000 },
  async () => {
    const url = /^ready (\S+)$/m.exec(await start('API docs:'))?.[1] ?? '';
    const local = JSON.parse(await tell(`cat ${home}/local.json`));
    const acknowledged = new Set<string>();
    const refused = new Set<string>();
    let exhausted = 0;
    const request = async (id: string = randomUUID()): Promise<Answer> => {
      const answer = await send('POST', `${url}/v1/tasks`, {
        key: local.apiKey,
        json: { operation: 'swarm.echo', input: 'x'.repeat(50_000) },
        headers: { 'idempotency-key': id },
      });
      if (answer.status === 202) {
        acknowledged.add(answer.json.id);
        refused.delete(id);
      } else {
        expect(NO_ROOM).toContainEqual(told(answer));
        if (answer.status === 507) exhausted++;
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        refused.add(id);
      }
      return answer;
    };
    const rest = async (method: string, path: string, json?: object) =>
      told(await send(method, `${url}${path}`, { key: local.apiKey, ...(json ? { json } : {}) }));
    const account = { email: local.email, password: local.password };

    // It grows until there is no room, and then there is none at all.
    await fill(3_000);
    for (let n = 0; n < 200 && refused.size < sized(5, 200); n++) await request();
    expect(acknowledged.size).toBeGreaterThan(0);
    expect(exhausted).toBeGreaterThan(0);
    await fill(0);
    for (let n = 0; n < sized(3, 100); n++) await request();
    expect(await rest('GET', '/healthz')).toEqual([200, undefined]);
    // What is small may find room in a file that is there; reading needs some as well, where a file was closed.
    const stranger = { ...account, email: 'x@example.com', organization: 'X' };
    for (const [method, path, json, status] of [
      ['POST', '/v1/keys', { name: 'k', scopes: ['tasks:read'] }, 201],
      ['POST', '/v1/forks', { name: 'f' }, 201],
      ['GET', '/v1/tasks?limit=1', undefined, 200],
      ['POST', '/v1/login', account, 200],
      ['POST', '/v1/signup', stranger, 201],
    ] as const)
      expect([[status, undefined], ...NO_ROOM], path).toContainEqual(await rest(method, path, json));

    // Nobody starts anything again.
    await makeRoom();
    await expect.poll(async () => (await request()).status, { timeout: 30_000 }).toBe(202);
    expect(await rest('POST', '/v1/login', account)).toEqual([200, undefined]);
    for (const id of refused) await request(id);
    expect(refused.size).toBe(0);
    await finished();
    const summary = await send('POST', `${url}/v1/tasks`, {
      key: local.apiKey,
      json: {
        operation: 'text.summarize',
        input: { text: 'The device has its home on the same disk. It works again.' },
      },
      headers: { prefer: 'wait=30' },
    });
    expect(summary.json.state).toBe('succeeded');

    // Two more starts are slow.
    if (!isWhole) return;
    // Killed while it is full, it is whole again after the next start that has room.
    await fill(1_000);
    for (let n = 0; n < 50 && refused.size < 5; n++) await request();
    await fill(0);
    await tell('kill -9 $pid; wait $pid');
    const onFull = await start('API docs:', 'starling:');
    expect(onFull).toContain('its disk is full');
    await makeRoom();
    const again = /^ready (\S+)$/m.exec(await start('API docs:'))?.[1] ?? '';
    await finished(again);

    async function finished(at = url): Promise<void> {
      for (const id of acknowledged)
        await expect
          .poll(async () => (await send('GET', `${at}/v1/tasks/${id}`, { key: local.apiKey })).json.state, {
            timeout: 30_000,
          })
          .toBe('succeeded');
    }
  },
);
