// `starling export` and `starling import`, against a server that keeps what it is sent.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ok } from '../../core/result.ts';
import { parquetExport } from '../../durable-objects/swarm/export-parquet.ts';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { runCommand } from '../../edge-node/src/cli/main.ts';
import type { Terminal } from '../../edge-node/src/cli/terminal.ts';
import { World } from '../core/model-world.ts';
import { exportOf } from '../exports/an-object.ts';

const world = new World(5);
for (let step = 0; step < 150; step++) await world.step();
const { swarm } = world;
const checkpoint = await swarm.checkpoint();
const lines = await exportOf(checkpoint, swarm.store);
const parts: Uint8Array[] = [];
for await (const part of parquetExport(checkpoint, async (from, to) => ok(swarm.store.events(from, to - from + 1)))) {
  parts.push(part);
}
const parquet = Buffer.concat(parts);

type Handler = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;
let handler: Handler;
let folder: string;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => handler(request, Buffer.concat(chunks), response));
});
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-export-'));
  return () => rmSync(folder, { recursive: true });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function starling(...words: string[]): Promise<{ exit: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isWatched: false,
    env: {
      STARLING_CONFIG: join(folder, 'config.json'),
      STARLING_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      STARLING_API_KEY: 'sk_test',
    },
    cwd: folder,
    readAll: async () => '',
    inputEnded: async () => {},
    askSecret: async () => null,
    interrupted: new AbortController().signal,
    fetch,
    now: () => 0,
    pause: async () => {},
    random: () => 0,
  };
  const exit = await runCommand(words, terminal);
  return { exit, out, err };
}

const answered = {
  id: 'swm_1',
  name: 'import',
  origin: checkpoint.origin,
  size: checkpoint.size,
  head: checkpoint.head,
  stateHash: 'a'.repeat(64),
  apiKey: { id: 'key_1', secret: 'sk_secret' },
};

test('[EXPORT-9] an export becomes a file that only its owner reads, named once it is whole', async () => {
  handler = (request, _, response) => response.end(request.url?.endsWith('parquet') ? parquet : lines);
  expect((await starling('export')).exit).toBe(EXIT.ok);
  const path = join(folder, 'journal.ndjson');
  expect(Buffer.compare(readFileSync(path), lines)).toBe(0);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const { exit, out } = await starling('export', '--format', 'parquet', '--output', 'p.parquet', '--json');
  expect([exit, JSON.parse(out)]).toMatchObject([0, { format: 'parquet', bytes: parquet.length }]);
  expect(Buffer.compare(readFileSync(join(folder, 'p.parquet')), parquet)).toBe(0);
  expect(readdirSync(folder).toSorted()).toEqual(['journal.ndjson', 'p.parquet']);
});

test('[EXPORT-9] one that breaks off is begun again, and leaves no file when it never ends', async () => {
  let tries = 0;
  handler = (_, __, response) => {
    tries++;
    // Two ways to break off: with an error, and as if it had ended.
    if (tries === 1) response.write(lines.subarray(0, 5_000), () => response.destroy());
    else if (tries === 2) response.end(lines.subarray(0, 9_000));
    else response.end(lines);
  };
  expect((await starling('export')).exit).toBe(EXIT.ok);
  expect(Buffer.compare(readFileSync(join(folder, 'journal.ndjson')), lines)).toBe(0);
  for (const cut of [lines.subarray(0, -1), Buffer.concat([lines, lines.subarray(0, 9)]), lines.subarray(0, 100)]) {
    handler = (_, __, response) => response.end(cut);
    expect((await starling('export', '--output', 'cut')).exit).toBe(EXIT.unreachable);
  }
  handler = (_, __, response) => response.end(parquet.subarray(0, -1));
  expect((await starling('export', '--output', 'cut', '--format', 'parquet')).exit).toBe(EXIT.unreachable);
  expect(readdirSync(folder)).toEqual(['journal.ndjson']);
  expect((await starling('export', '--output', 'no/folder/here')).exit).toBe(EXIT.usage);
  expect((await starling('export', '--format', 'csv')).exit).toBe(EXIT.usage);
});

test('[EXPORT-9] lines are sent as they are, columns as the same lines, packed ones packed', async () => {
  const bodies: Buffer[] = [];
  handler = (request, body, response) => {
    bodies.push(body);
    expect(request.url).toBe('/v1/imports?name=old&key=abc');
    expect(request.headers['content-type']).toBe('application/x-ndjson');
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
  };
  const packed = gzipSync(lines);
  for (const [name, bytes] of [
    ['a', lines],
    ['b', parquet],
    ['c', packed],
  ] as const) {
    writeFileSync(join(folder, name), bytes);
    const { exit, out } = await starling('import', name, '--name', 'old', '--key', 'abc');
    expect([exit, out]).toEqual([EXIT.ok, expect.stringContaining('sk_secret')]);
  }
  expect(bodies.map((body) => body.length)).toEqual([lines.length, lines.length, packed.length]);
  expect(Buffer.compare(bodies[1] ?? Buffer.of(), lines)).toBe(0);
});

test('[EXPORT-9] a file that cannot be read says so; a refusal says which event', async () => {
  handler = (_, __, response) =>
    response
      .writeHead(422, { 'content-type': 'application/problem+json' })
      .end(JSON.stringify({ code: 'import_invalid', title: 'no', detail: 'Not taken at event 7: it is bad.', seq: 7 }));
  writeFileSync(join(folder, 'bad'), lines);
  const refused = await starling('import', 'bad');
  expect([refused.exit, refused.err]).toEqual([EXIT.refused, expect.stringContaining('event 7')]);
  const broken = Buffer.from(parquet);
  broken.fill(0, 100, 4_000);
  writeFileSync(join(folder, 'broken'), broken);
  writeFileSync(join(folder, 'cut'), parquet.subarray(0, -9));
  for (const name of ['missing', 'broken', 'cut']) expect((await starling('import', name)).exit).toBe(EXIT.usage);
});
