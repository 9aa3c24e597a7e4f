// The local port, from the side of someone who should not: handlers of the Worker that are not fetch stay out of reach.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DOOR, doorModule, MIGRATE_MODULE } from '../../local/door.ts';

const WORKER = `
let forged = 0;
export default {
  fetch: (request) => Response.json({ forged, ip: request.headers.get('cf-connecting-ip'), url: request.url }),
  queue: () => { forged += 1; },
};
`;
/** Calls queue() over the socket, as another local runtime would call a service. */
const INTRUDER = `
export default {
  async fetch(request, env) {
    try { await env.VICTIM.queue({ queue: 'starling-telemetry', messages: [{ body: {} }] }); return new Response('done'); }
    catch (error) { return new Response(String(error)); }
  },
};
`;
const compatibilityDate = '2026-11-01';
const migrate = join(import.meta.dirname, '../../local', MIGRATE_MODULE);
let victim: Miniflare;

beforeAll(async () => {
  const modules = [
    { type: 'ESModule' as const, path: '/door.js', contents: doorModule('worker.js', []) },
    { type: 'ESModule' as const, path: `/${MIGRATE_MODULE}`, contents: readFileSync(migrate, 'utf8') },
    { type: 'ESModule' as const, path: '/worker.js', contents: WORKER },
  ];
  // The door, and beside it the plain entrypoint, to see that the attack is real.
  const sockets = [{ port: 0, entrypoint: DOOR }, { port: 0 }];
  victim = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      workers: [{ name: 'w', modules, modulesRoot: '/', compatibilityDate, unsafeDirectSockets: sockets }],
    }),
  );
  await victim.ready;
});
afterAll(() => victim.dispose());

async function intrude(address: string): Promise<string> {
  const http = { capnpConnectHost: 'miniflare-unsafe-internal-capnp-connect' };
  const intruder = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      modules: true,
      script: INTRUDER,
      compatibilityDate,
      serviceBindings: { VICTIM: { external: { address, http } } },
    }),
  );
  try {
    return await (await intruder.dispatchFetch('http://intruder/')).text();
  } finally {
    await intruder.dispose();
  }
}

test('through the door nobody can hand messages to the queue; through a plain socket everyone could', async () => {
  const door = await victim.unsafeGetDirectURL('w', DOOR);
  expect(await intrude(door.host)).toContain('does not implement the method "queue"');
  expect(await (await fetch(door)).json()).toMatchObject({ forged: 0 });
  const plain = await victim.unsafeGetDirectURL('w');
  expect(await intrude(plain.host)).toBe('done');
  expect(await (await fetch(door)).json()).toMatchObject({ forged: 1 });
});

test('headers that only an edge may set are taken off', async () => {
  const door = await victim.unsafeGetDirectURL('w', DOOR);
  const headers = { 'cf-connecting-ip': '192.0.2.1', 'mf-original-url': 'http://elsewhere/' };
  expect(await (await fetch(door, { headers })).json()).toMatchObject({ ip: null, url: door.href });
});
