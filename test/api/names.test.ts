// The names that the platform has: what is taken for one of them, and that one limiter counts for all.

import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NameEnv, readNames, workerName } from '../../functions/api/names.ts';
import { nameBindings, unnamed } from '../../local/names.ts';
import { anApi } from './an-api.ts';

/** Under which base URL a request is served. */
function baseOf(env: NameEnv, url: string, host?: string): string | null {
  const names = readNames(env);
  if (!names.ok) throw new Error(names.error.setting);
  // The runtime makes no request of some of these addresses; what reaches us is only its url and its Host.
  const headers = new Headers(host === undefined ? {} : { host });
  return names.value.baseOf({ url, headers } as Request);
}

const local: NameEnv = nameBindings({ STARLING_HOSTS: 'box.lan, 192.168.1.20, tunnel.lan:9000' }, '127.0.0.1', 8787);

describe('locally', () => {
  test.each([
    'http://localhost:8787',
    'http://127.0.0.1:8787',
    'http://[::1]:8787',
    'http://box.lan:8787',
    'http://box.lan',
    'http://192.168.1.20:8787',
    'http://tunnel.lan:9000',
  ])('[NAME-1] %s is ours, and links lead there', (base) => {
    expect(baseOf(local, `${base}/v1/tasks`)).toBe(base);
    expect(baseOf(local, `${base}/v1/tasks`, new URL(base).host)).toBe(base);
    expect(baseOf(local, `${base}/`, new URL(base).host.toUpperCase())).toBe(base);
  });

  test.each([
    ['a spelling of 127.0.0.1', 'http://2130706433:8787/', 'http://127.0.0.1:8787'],
    ['a spelling of ::1', 'http://[0:0:0:0:0:0:0:1]:8787/', 'http://[::1]:8787'],
  ])('[NAME-1] %s is that name', (_, url, base) => {
    expect(baseOf(local, url)).toBe(base);
  });

  test.each([
    ['another name', 'http://evil.example/', undefined],
    ['another port, where somebody else of this machine may listen', 'http://localhost:6666/', undefined],
    ['no port', 'http://localhost/', undefined],
    ['a dot at the end', 'http://localhost.:8787/', undefined],
    ['a name that ends in ours', 'http://x.localhost:8787/', undefined],
    ['a name that begins with ours', 'http://localhost.evil.example:8787/', undefined],
    ['a user in front', 'http://evil.example@localhost:8787/', undefined],
    ['our name as the user', 'http://localhost:8787@evil.example/', undefined],
    ['IPv4 within IPv6', 'http://[::ffff:127.0.0.1]:8787/', undefined],
    ['the machine’s own address, which nobody listed', 'http://192.168.1.21:8787/', undefined],
    ['a listed name at a port that is not its own', 'http://tunnel.lan:8787/', undefined],
    ['a Host that is not that of the address', 'http://localhost:8787/', 'evil.example'],
    ['a Host with a path', 'http://localhost:8787/', 'localhost:8787/x?'],
    ['two names in one Host', 'http://localhost:8787/', 'localhost:8787, evil.example'],
    ['a Host with a user', 'http://localhost:8787/', 'evil.example@localhost:8787'],
    ['a workers.dev name of somebody', 'http://starling.evil.workers.dev/', undefined],
  ])('[NAME-2] %s is not', (_, url, host) => {
    expect(baseOf(local, url, host)).toBeNull();
  });

  test('[NAME-2] no text in Host makes a base URL that is not one of ours', () => {
    const names = readNames(local);
    if (!names.ok) throw new Error('unreadable');
    const ours = new Set((local.STARLING_HOSTS ?? '').split(',').map((host) => `http://${host}`));
    const part = fc.constantFrom(
      'localhost',
      '127.0.0.1',
      '[::1]',
      ':8787',
      '@',
      '.',
      '/',
      ' ',
      ',',
      '#',
      '?',
      'evil.example',
      '%00',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string({ maxLength: 3 })), { maxLength: 5 }), (parts) => {
        const host = parts.join('');
        const headers = { get: (name: string) => (name === 'host' ? host : null) } as unknown as Headers;
        const base = names.value.baseOf({ url: `http://${host}/v1/tasks`, headers } as Request);
        if (base !== null) expect(ours).toContain(base);
      }),
      { numRuns: 3_000 },
    );
  });

  test('[NAME-3] listening on an address gives no name, and the start says so', () => {
    expect(() => nameBindings({}, '192.168.1.20', 8787)).toThrow('set STARLING_HOSTS=192.168.1.20 as well');
    expect(nameBindings({ STARLING_HOSTS: '192.168.1.20' }, '192.168.1.20', 8787).STARLING_HOSTS).toBe(
      '192.168.1.20,192.168.1.20:8787',
    );
    expect(unnamed({}, '0.0.0.0')).toContain('set STARLING_HOSTS');
    expect(unnamed({ STARLING_HOSTS: 'box.lan' }, '0.0.0.0')).toBeNull();
    expect(unnamed({}, '127.0.0.1')).toBeNull();
  });

  test.each(['http://box.lan', 'box.lan/x', 'a b', 'x@y', '*', '*.lan', 'box.lan:99999', Array(33).fill('x').join()])(
    'a list with %s is refused before anything starts',
    (list) => {
      expect(() => nameBindings({ STARLING_HOSTS: list }, '127.0.0.1', 8787)).toThrow('STARLING_HOSTS');
    },
  );
});

describe('deployed', () => {
  const env = { STARLING_BASE_URL: 'https://swarm.example.com/', STARLING_HOSTS: 'old.example.com' };

  test('[NAME-1] under every name of ours, links lead to the base URL', () => {
    for (const url of ['https://swarm.example.com/', 'http://swarm.example.com/', 'https://old.example.com/v1'])
      expect(baseOf(env, url)).toBe('https://swarm.example.com');
  });

  test('[NAME-2] the workers.dev name is none of ours once another is set', () => {
    for (const url of ['https://starling.acme.workers.dev/', 'https://evil.example/', 'http://localhost:8787/'])
      expect(baseOf(env, url)).toBeNull();
  });

  test('[NAME-4] without a setting it has its workers.dev name and no other', () => {
    expect(baseOf({}, 'https://starling.acme.workers.dev/v1/tasks')).toBe('https://starling.acme.workers.dev');
    // A link that would be read on the way is never made.
    expect(baseOf({}, 'http://starling.acme.workers.dev/v1/tasks')).toBe('https://starling.acme.workers.dev');
    for (const host of [
      'starling.workers.dev',
      'other.acme.workers.dev',
      'starling.a.b.workers.dev',
      'x-starling.acme.workers.dev',
      'starling.acme.workers.dev.evil.example',
      'starling.acme.workers.dev:8443',
      'starling.acme.workers.dev.',
      'swarm.example.com',
      'localhost',
    ])
      expect(baseOf({}, `https://${host}/`), host).toBeNull();
    expect(/^name = "(.+)"$/m.exec(readFileSync('wrangler.toml', 'utf8'))?.[1]).toBe(workerName);
  });

  test.each([
    'swarm.example.com',
    'https://swarm.example.com/x',
    'https://u:p@swarm.example.com',
    'ftp://x',
    'https://',
  ])('a base URL that is %s cannot be read', (text) => {
    expect(readNames({ STARLING_BASE_URL: text })).toEqual({ ok: false, error: { setting: 'STARLING_BASE_URL' } });
  });
});

test('[NAME-5] one limiter counts for all names together', async () => {
  const policy = { quota: 2, windowSeconds: 60 };
  const names = readNames(local);
  if (!names.ok) throw new Error('unreadable');
  const rateLimits = { caller: policy, open: policy, trigger: policy };
  const api = anApi({ names: names.value, rateLimits });
  const authorization = `Bearer ${api.first.secret('admin')}`;
  const statuses: number[] = [];
  for (const base of ['http://localhost:8787', 'http://127.0.0.1:8787', 'http://[::1]:8787', 'http://box.lan']) {
    const answer = await api.fetch(new Request(`${base}/v1/tasks`, { headers: { authorization } }));
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([200, 200, 429, 429]);
});

test('[NAME-2] under another name health answers and nothing else does', async () => {
  const names = readNames(local);
  if (!names.ok) throw new Error('unreadable');
  const api = anApi({ names: names.value });
  const ask = (path: string, method = 'GET') => api.fetch(new Request(`http://evil.example${path}`, { method }));
  const health = await ask('/healthz');
  expect([health.status, await health.text()]).toEqual([200, '{"status":"ok"}']);
  for (const [path, method] of [
    ['/healthz', 'POST'],
    ['/'],
    ['/docs'],
    ['/v1/openapi.json'],
    ['/v1/signup', 'POST'],
  ] as const) {
    const answer = await ask(path, method);
    expect(answer.status, path).toBe(421);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'misdirected_request', type: '/docs/errors#misdirected_request' });
    expect(text).not.toContain('evil');
  }
});
