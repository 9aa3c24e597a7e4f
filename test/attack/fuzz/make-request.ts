// One request of a seed: well formed for the operation by the document, then changed somewhere. The same seed and number make the
// same request, but for the ids of the world that it is for.

import { PLACES } from '../../conformance/places.ts';
import type { Random } from '../../simulation/random.ts';
import type { World } from './a-world.ts';
import type { Operation, Parameter } from './document.ts';
import { mutatedText, oddText } from './mutate-json.ts';
import type { RawRequest } from './raw-http.ts';

export interface FuzzRequest extends RawRequest {
  readonly operation: Operation;
  /** What is sent is no HTTP: the server may say so in its own words, or hang up. */
  readonly isMalformed: boolean;
  /** The path may be another operation's. */
  readonly isElsewhere: boolean;
}

type Header = readonly [name: string, value: string];

export function makeRequest(operations: readonly Operation[], world: World, random: Random): FuzzRequest {
  const operation = pickOperation(operations, random);
  const broken = random.chance(0.03);
  const method = random.chance(0.05) ? oddMethod(random) : operation.method;
  const body = random.chance(0.08) ? oddBody(random) : bodyFor(operation, random);
  const headers = [...authorization(world, random), ...headersFor(operation, body !== null, random)];
  if (broken) headers.push(...brokenHeaders(random));
  const path = pathFor(operation, world, random);
  const odd = random.chance(0.04) ? oddPath(path, random) : null;
  const target = `${odd ?? path}${queryFor(operation, random)}`;
  const chunked = body !== null && random.chance(0.08) ? (random.chance(0.3) ? 'badly' : 'well') : undefined;
  const isHttp = /^[A-Z]+$/.test(method) && isToken(target) && !broken && chunked !== 'badly' && method !== 'CONNECT';
  return {
    ...{ operation, method, target, headers, body },
    ...(chunked === undefined ? {} : { chunked }),
    isMalformed: !isHttp,
    isElsewhere: odd !== null,
  };
}

/** What hashes a password or copies a swarm comes a twentieth as often. */
function pickOperation(operations: readonly Operation[], random: Random): Operation {
  for (;;) {
    const picked = random.among(operations);
    if (picked !== undefined && (!picked.isHeavy || random.chance(0.05))) return picked;
  }
}

function isToken(target: string): boolean {
  return /^\/[\x21-\x7e]*$/.test(target) && target.length < 8_000;
}

function oddMethod(random: Random): string {
  return random.pick([
    'HEAD',
    'OPTIONS',
    'PUT',
    'PATCH',
    'DELETE',
    'TRACE',
    'CONNECT',
    'PROPFIND',
    'get',
    'FOO',
    'GET',
    'POST',
    'X'.repeat(300),
  ]);
}

function authorization({ key, smallKey, cookie, device }: World, random: Random): readonly Header[] {
  if (random.chance(0.85)) return [['Authorization', `Bearer ${key}`]];
  return random.pick<() => readonly Header[]>([
    () => [],
    () => [['Authorization', `Bearer ${smallKey}`]],
    () => [['Authorization', `Bearer ${device.credential}`]],
    () => [['Authorization', `Bearer ${key.slice(0, -random.between(1, 20))}`]],
    () => [['Authorization', `Basic ${key}`]],
    () => [['Authorization', '']],
    () => [['Authorization', `Bearer ${'a'.repeat(random.pick([10, 4_000]))}`]],
    () => [['Authorization', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.']],
    () => [
      ['Authorization', `Bearer ${key}`],
      ['Authorization', `Bearer ${smallKey}`],
    ],
    () => [['Cookie', cookie]],
    () => [
      ['Cookie', cookie],
      ['Origin', random.pick(['null', 'http://evil.example', ''])],
    ],
    () => [['Cookie', `starling.session_token=${encoded(oddText(random))}`]],
  ])();
}

function headersFor({ body }: Operation, hasBody: boolean, random: Random): Header[] {
  const headers: Header[] = [];
  if (hasBody)
    headers.push([
      'Content-Type',
      random.chance(0.9)
        ? (body?.type ?? 'application/json')
        : random.pick([
            '',
            'text/plain',
            'application/json; charset=utf-16',
            'application/xml',
            'multipart/form-data',
            '/',
            'application/problem+json',
          ]),
    ]);
  if (random.chance(0.1))
    headers.push([
      'Idempotency-Key',
      random.pick([String(random.between(0, 50)), '', 'x'.repeat(300), '"a"', 'a b', '\x80']),
    ]);
  if (random.chance(0.1))
    headers.push([
      'Prefer',
      random.pick(['wait=0', 'wait=1', 'wait=-1', 'wait=x', 'respond-async', 'wait=1; wait=0', '']),
    ]);
  if (random.chance(0.05))
    headers.push([
      'traceparent',
      random.pick([`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, `00-${'0'.repeat(32)}-0-00`, 'x', '']),
    ]);
  if (random.chance(0.05))
    headers.push(['Accept', random.pick(['*/*', 'text/html', 'application/xml', ';;', 'text/event-stream'])]);
  if (random.chance(0.03)) headers.push(['Content-Encoding', random.pick(['gzip', 'br', 'identity', 'x'])]);
  if (random.chance(0.03)) headers.push(['Last-Event-ID', random.pick(['1', '-1', '9'.repeat(20), 'x', ''])]);
  if (random.chance(0.03)) headers.push(['Range', random.pick(['bytes=0-0', 'bytes=5-1', 'x'])]);
  if (random.chance(0.03)) headers.push(['If-None-Match', random.pick(['*', '"x"', 'W/'])]);
  if (random.chance(0.03)) headers.push(['Expect', random.pick(['100-continue', 'x'])]);
  if (random.chance(0.03))
    headers.push([
      random.pick(['X-Forwarded-For', 'CF-Connecting-IP', 'Forwarded', 'X-HTTP-Method-Override']),
      random.pick(['127.0.0.1', 'DELETE', 'x, y']),
    ]);
  if (random.chance(0.02)) headers.push(['X-Large', 'x'.repeat(random.pick([1_000, 7_000]))]);
  if (random.chance(0.02)) headers.push(['X-Bytes', '\xff\xfe\x80']);
  return headers;
}

function brokenHeaders(random: Random): readonly Header[] {
  return random.pick<() => readonly Header[]>([
    () => [['Host', random.pick(['', 'a b', 'evil.example', 'localhost:99999', '[::1'])]],
    () => [['Content-Length', random.pick(['-1', 'x', '1, 2', '99999999999999999999'])]],
    () => [['Transfer-Encoding', random.pick(['gzip', 'chunked, chunked', 'x'])]],
    () => [['a b', 'x']],
    () => [['X-Nul', 'a\x00b']],
    () => [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
    ],
    () => [['X-Huge', 'x'.repeat(100_000)]],
    () => Array.from({ length: 500 }, (_, n) => [`X-${n}`, 'x'] as const),
    () => [['Connection', 'close']],
  ])();
}

/** What ids in a place begin with, by the folder before it. */
const KINDS: Readonly<Record<string, string>> = { ...PLACES, hooks: 'address', forks: 'swm', imports: 'swm' };

function pathFor({ path }: Operation, world: World, random: Random): string {
  const parts = path.split('/');
  return parts
    .map((part, at) => (part.startsWith('{') ? placeFor(parts[at - 1] ?? '', world, random) : part))
    .join('/');
}

function oddPath(filled: string, random: Random): string {
  return random.pick<() => string>([
    () => `${filled}/`,
    () => `/${filled}`,
    () => filled.toUpperCase(),
    () => `${filled}/${encoded(oddText(random))}`,
    () => filled.replace('/v1', random.pick(['/v2', '/v1/..', '/v1/%2e%2e', '/%76%31', '/v1//'])),
    () => `${filled}%`,
    () => `${filled}#x`,
    () => `http://evil.example${filled}`,
    () => `${filled};a=b`,
    () => filled.replace(/.$/, '\x80\xff'),
    () => `/${'a/'.repeat(1_000)}`,
    () => '*',
  ])();
}

function placeFor(folder: string, world: World, random: Random): string {
  const own = random.among(world.ids.get(KINDS[folder] ?? '') ?? []);
  if (own !== undefined && random.chance(0.6)) return own;
  return random.pick<() => string>([
    () => random.among(world.foreign) ?? 'x',
    () => random.among([...world.ids.values()].flat()) ?? 'x',
    () => `${KINDS[folder] ?? 'x'}_01kf2m8z3n5q7r9t1v3x5z7a9b`,
    () => encoded(oddText(random)),
    () =>
      random.pick([
        '%00',
        '%ff',
        '%',
        '%2e%2e%2f',
        '..',
        '.',
        'x'.repeat(3_000),
        '%F0%9F%98%80',
        '0',
        '-1',
        '0000000000000001',
        '2026-11-20_abc',
      ]),
    () => (own ?? 'x').toUpperCase(),
    () => `${own ?? 'x'}%20`,
  ])();
}

function queryFor({ parameters }: Operation, random: Random): string {
  const asked: string[] = [];
  for (const parameter of parameters) {
    if (parameter.in !== 'query' || random.chance(0.55)) continue;
    asked.push(`${parameter.name}=${valueFor(parameter, random)}`);
  }
  if (random.chance(0.04))
    asked.push(
      random.pick(['x=1', '=', '&&', 'at', '%', 'a%ff=b', `q=${'x'.repeat(6_000)}`, 'limit=1&limit=2', '__proto__=1']),
    );
  return asked.length === 0 ? '' : `?${asked.join('&')}`;
}

function valueFor({ name, schema }: Parameter, random: Random): string {
  const values = schema?.enum?.map(String) ?? [];
  if (values.length > 0 && random.chance(0.5)) return encoded(random.among(values) ?? '');
  if (random.chance(0.5)) {
    if (name === 'limit') return String(random.between(0, 101));
    if (['at', 'from', 'to', 'seq', 'size'].includes(name))
      return random.pick([String(random.between(0, 30)), '1', '2', '2030-01-01T00:00:00Z', new Date().toISOString()]);
  }
  return random.pick<() => string>([
    () => encoded(oddText(random)),
    () => String(random.pick([-1, 0, 1, 2 ** 31, 2 ** 53, 1e21, 0.5])),
    () =>
      random.pick([
        '%',
        '%ff%fe',
        '%ed%a0%80',
        '+',
        '',
        '1%00',
        'x'.repeat(201),
        'bnVsbA',
        'eyJhIjoxfQ',
        '%F0%9F%98%80',
      ]),
  ])();
}

/** Percent-encoded, a lone surrogate as the bytes that it would have. */
function encoded(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

function bodyFor({ body }: Operation, random: Random): Uint8Array | null {
  if (body === null) return random.chance(0.05) ? Buffer.from('{}') : null;
  if (body.type !== 'application/json') return Buffer.from(mutatedBytes(String(body.example), random), 'latin1');
  const text = mutatedText(body.example, random);
  return random.chance(0.04) ? Buffer.from(mutatedBytes(text, random), 'latin1') : Buffer.from(text, 'utf8');
}

/** Bytes changed, taken out and put in; as Latin-1. */
function mutatedBytes(text: string, random: Random): string {
  let bytes = Buffer.from(text, 'utf8').toString('latin1');
  for (let n = random.between(0, 4); n > 0; n--) {
    const at = random.between(0, bytes.length);
    const put = random.pick(['', '\xff', '\xed\xa0\x80', '\x00', '\r\n', '\xc0\xaf', 'x', '\xef\xbb\xbf']);
    bytes = `${bytes.slice(0, at)}${put}${bytes.slice(at + random.between(0, 3))}`;
  }
  return bytes;
}

function oddBody(random: Random): Uint8Array {
  return random.pick<() => Uint8Array>([
    () => Buffer.alloc(0),
    () => Buffer.from('null'),
    () => Buffer.from('"x"'),
    () => Buffer.from('[]'),
    () => Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
    () => Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
    () => Buffer.alloc(random.pick([1, 1_000, 1_100_000]), 0x20),
    () => Buffer.from(`{"a":"${'x'.repeat(random.pick([1_000, 400_000]))}"}`),
    () => Buffer.from(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`),
    () => Buffer.from('a=b&c=d'),
  ])();
}
