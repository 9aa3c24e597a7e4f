// Readers that ask for much and read nothing: they hold little memory, few of them are let in, and nobody else waits.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { canSeeProcesses, residentBytes } from '../bench/process-usage.ts';
import { type Organization, send, signUp, url } from '../conformance/client.ts';
import { isWhole, sized } from './whole.ts';

let attacker: Organization;
const sockets: Socket[] = [];

beforeAll(async () => {
  attacker = await signUp('Stalled readers');
  for (let n = 0; n < sized(40, 400); n++)
    await send('POST', '/v1/tasks', {
      key: attacker.key,
      json: { operation: 'swarm.echo', input: 'x'.repeat(100_000) },
    });
}, 120_000);

afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

interface Stalled {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly socket: Socket;
}

/** Asks, reads the beginning of the answer, and nothing after it. */
function stall(path: string, key: string): Promise<Stalled> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.pause();
      const text = data.toString('latin1');
      const retryAfter = /^retry-after: (\d+)/im.exec(text)?.[1] ?? null;
      resolve({ status: Number(text.slice(9, 12)), retryAfter, socket });
    });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\n\r\n`);
  });
}

/** Memory of the processes that this run has started, bytes. */
function memory(): number {
  const home = inject('platform').home;
  const ours = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/comm`, 'utf8').trim() === 'workerd' && isOf(name, home);
    } catch {
      return false; // it has ended
    }
  });
  return ours.reduce((sum, pid) => sum + residentBytes(Number(pid)), 0);
}

/** Whether a process has files of this home open. */
function isOf(pid: string, home: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith(home);
    } catch {
      return false; // it was closed
    }
  });
}

test('[READER-2] exports that nobody reads are few, hold little, and keep nobody waiting', async () => {
  const before = canSeeProcesses ? memory() : 0;
  const stalled: Stalled[] = [];
  for (let n = 0; n < sized(40, 200); n++) stalled.push(await stall('/v1/export', attacker.key));
  const admitted = stalled.filter(({ status }) => status === 200);
  const refused = stalled.filter(({ status }) => status === 429);
  expect(admitted.length).toBeGreaterThan(0);
  expect(admitted.length).toBeLessThanOrEqual(8);
  expect(refused.length).toBe(stalled.length - admitted.length);
  expect(refused.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
  const other = await signUp('Reads meanwhile');
  expect((await send('GET', '/v1/tasks', { key: other.key })).status).toBe(200);
  // Another swarm's exports are not refused.
  const theirs = await send('GET', '/v1/export', { key: other.key });
  expect(theirs.status).toBe(200);
  if (canSeeProcesses && before > 0) expect(memory() - before).toBeLessThan(200 * 1024 ** 2);
  for (const { socket } of stalled) socket.destroy();
}, 120_000);

test('[READER-2] followers that read nothing hold little, and the journal can still be followed', async () => {
  const before = canSeeProcesses ? memory() : 0;
  const stalled: Stalled[] = [];
  for (let n = 0; n < sized(40, 250); n++) stalled.push(await stall('/v1/journal/stream', attacker.key));
  expect(stalled.every(({ status }) => status === 200)).toBe(true);
  const one = await stall('/v1/journal/stream?from=1', attacker.key);
  expect(one.status).toBe(200);
  if (canSeeProcesses && before > 0) expect(memory() - before).toBeLessThan(300 * 1024 ** 2);
  for (const { socket } of stalled) socket.destroy();
}, 120_000);

test.runIf(isWhole)(
  '[READER-2] readers that stop are cut off by themselves: their slots, their sockets and their memory come back',
  async () => {
    const before = canSeeProcesses ? memory() : 0;
    const stalled: Stalled[] = [];
    for (let n = 0; n < 8; n++) stalled.push(await stall('/v1/export', attacker.key));
    for (let n = 0; n < 8; n++) stalled.push(await stall('/v1/journal/stream?from=1', attacker.key));
    expect(stalled.map(({ status }) => status)).toEqual(stalled.map(() => 200));
    expect((await stall('/v1/export', attacker.key)).status).toBe(429);
    const began = performance.now();
    await expect
      .poll(async () => (await stall('/v1/export', attacker.key)).status, { timeout: 100_000, interval: 2_000 })
      .toBe(200);
    const ms = performance.now() - began;
    process.stdout.write(`stalled readers: cut off after ${(ms / 1_000).toFixed(0)} s\n`);
    // The first slot is free; the others stopped some seconds later, and nothing shows from outside when their time is over.
    await pause(20_000);
    // One that reads on now gets what was on its way, and then the end: not the rest.
    const rests = await Promise.all(stalled.map(({ socket }) => restOf(socket)));
    for (const rest of rests) expect(rest).toBeLessThan(20 * 1024 ** 2);
    if (canSeeProcesses && before > 0) expect(memory() - before).toBeLessThan(50 * 1024 ** 2);
  },
  180_000,
);

/** How many bytes come until the other side ends it. */
function restOf(socket: Socket): Promise<number> {
  return new Promise((done, failed) => {
    let bytes = 0;
    const timer = setTimeout(() => failed(new Error('the socket is still open')), 20_000);
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      done(bytes);
    });
    socket.resume();
  });
}

test('[READER-3] a stream that was opened with a key ends when the key is revoked', async () => {
  const owner = await signUp('Revokes');
  const issued = await send('POST', '/v1/keys', {
    key: owner.key,
    json: { name: 'to be revoked', scopes: ['journal:read'] },
  });
  const response = await fetch(new URL('/v1/journal/stream', url), {
    headers: { authorization: `Bearer ${issued.json.secret}` },
  });
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  await reader?.read();
  expect((await send('POST', `/v1/keys/${issued.json.id}/revoke`, { key: owner.key })).status).toBeLessThan(300);
  await send('POST', '/v1/tasks', { key: owner.key, json: { operation: 'swarm.echo', input: 'after it was revoked' } });
  let text = '';
  for (;;) {
    const read = await reader?.read();
    if (!read || read.done) break;
    text += new TextDecoder().decode(read.value);
  }
  expect(text).not.toContain('after it was revoked');
});
