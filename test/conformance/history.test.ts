// The past from the outside: what was answered at a moment while the swarm worked is what `at` answers for it ever after.

import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { seededRandom } from '../simulation/random.ts';
import { type Answer, type Organization, send, signUp, told, url } from './client.ts';

interface Recorded {
  readonly seq: number;
  readonly path: string;
  readonly status: number;
  readonly text: string;
}
interface Event {
  readonly seq: number;
  readonly time: string;
  readonly hash: string;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
}

const momentsMin = 200;
const stepsMax = 400;
const seed = Number(process.env.STARLING_TEST_SEED ?? Date.now() % 1_000_000);

let us: Organization;
/** Lists of what is in one state: what changes its state leaves one page for another. */
const FILTERED = ['/v1/tasks?state=succeeded&limit=3', '/v1/ledger/transfers?state=pending&limit=2'];
/** Paths of the reads that take `at`, as the document has them. */
let reads: readonly string[];
/** What was answered while the swarm worked, each with the seq of the moment. */
const recorded: Recorded[] = [];
/** The journal of all that work. */
let events: readonly Event[];
/** Ids that exist, by the folder of their paths. */
const ids: Record<string, string[]> = {};

const random = seededRandom(seed);
const oneOf = <T>(list: readonly T[]): T => random.among(list) as T; // lists here are never empty

const get = (path: string, key = us.key): Promise<Answer> => send('GET', path, { key });
const atMoment = (path: string, moment: string | number): string =>
  `${path}${path.includes('?') ? '&' : '?'}at=${encodeURIComponent(moment)}`;
const headSeq = async (): Promise<number> => (await get('/v1/journal/checkpoint')).json.size;

/** One thing that somebody does, and the folder of what it makes. */
const WORK: readonly (() => Promise<void>)[] = [
  () => make('tasks', { operation: 'swarm.echo', input: { n: random.next() } }),
  () => make('tasks', { operation: 'swarm.echo', input: 'x', maxCreditsMicro: 5_000 }),
  () => make('missions', { name: 'm', plan: { tasks: [echo('a'), echo('b', 'a'), echo('c', 'a', 'b')] } }),
  () => make('ledger/transfers', { debit: 'tenant', credit: `team/${oneOf(['red', 'blue'])}`, amountMicro: 7 }),
  () => make('ledger/transfers', { debit: 'tenant', credit: 'team/red', amountMicro: 9, pending: true }),
  () => change('ledger/transfers', 'settle', { amountMicro: 4 }),
  () => change('ledger/transfers', 'void'),
  () => change('tasks', 'cancel'),
  () => make('keys', { name: 'k', scopes: ['tasks:read'] }),
  () => make('triggers', { name: 't', preset: 'github', task: { operation: 'swarm.echo', input: {} } }),
  () => make('webhooks', { url: 'http://127.0.0.1:9/', events: ['trigger.*'] }),
];

function echo(key: string, ...after: string[]) {
  return { key, operation: 'swarm.echo', input: { key }, after };
}

async function make(folder: string, json: object): Promise<void> {
  const made = await send('POST', `/v1/${folder}`, { key: us.key, json });
  expect([201, 202], `${folder} ${made.text}`).toContain(made.status);
  ids[folder] = [...(ids[folder] ?? []), made.json.id];
}

/** Something is done to a thing that is there; that it cannot be done any more is an answer too. */
async function change(folder: string, action: string, json?: object): Promise<void> {
  const [id] = ids[folder]?.slice(-1) ?? [];
  if (id !== undefined)
    await send('POST', `/v1/${folder}/${id}/${action}`, { key: us.key, ...(json === undefined ? {} : { json }) });
}

async function enrolADevice(): Promise<void> {
  const pair = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const { token } = (await send('POST', '/v1/devices/enrollments', { key: us.key })).json;
  const text = JSON.stringify({ did, purpose: 'starling.enroll', token });
  const proof = sign(null, Buffer.from(text), pair.privateKey).toString('base64url');
  const enrolled = await send('POST', '/v1/devices/enroll', { json: { token, did, proof, name: 'a device' } });
  ids.devices = [enrolled.json.device];
}

/** The path of a read with an id of ours in its place; null while there is none. */
function pathOf(pattern: string): string | null {
  const folder = /^\/v1\/(.+)\/\{\w+\}/.exec(pattern)?.[1];
  if (folder === undefined) return pattern;
  const known = ids[folder];
  return known === undefined ? null : pattern.replace(/\{\w+\}/, oneOf(known));
}

/** Reads everything once; an answer counts when the head before it is the head after it. */
async function record(): Promise<void> {
  let before = await headSeq();
  for (const pattern of reads) {
    const path = pathOf(pattern);
    if (path === null) continue;
    const { status, text } = await get(path);
    const after = await headSeq();
    if (after === before) recorded.push({ seq: after, path, status, text });
    before = after;
  }
}

beforeAll(async () => {
  console.info(`STARLING_TEST_SEED=${seed}`);
  us = await signUp();
  const { paths } = (await send('GET', '/v1/openapi.json')).json as {
    paths: Record<string, { get?: { parameters?: readonly Parameter[] } }>;
  };
  const taking = Object.keys(paths).filter(
    (path) =>
      paths[path]?.get?.parameters?.some(({ name }) => name === 'at') === true && !path.startsWith('/v1/history/'),
  );
  reads = [...taking, ...FILTERED];
  await enrolADevice();
  const moments = () => new Set(recorded.map(({ seq }) => seq)).size;
  for (let step = 0; moments() < momentsMin; step++) {
    expect(step, 'steps of work').toBeLessThan(stepsMax);
    // Two things at once, and nobody waits for what they lead to: that is looked at in the middle.
    await Promise.all([oneOf(WORK)(), step < WORK.length ? WORK[step]?.() : undefined]);
    await record();
  }
  events = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Answer = await get(`/v1/journal?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
    events = [...events, ...page.json.data];
    cursor = page.json.nextCursor;
  }
}, 180_000);

/** As many of a list as were asked for, in an order that is as good as any. */
function someOf<T>(list: readonly T[], count: number): T[] {
  return list
    .map((one) => ({ one, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ one }) => one);
}

/** One answer of each moment, and one of each path. */
function sample(): Recorded[] {
  const shuffled = someOf(recorded, recorded.length);
  const ofMoments = new Map(shuffled.map((one) => [one.seq, one]));
  const ofPaths = new Map(shuffled.map((one) => [one.path, one]));
  return [...new Set([...ofMoments.values(), ...ofPaths.values()])];
}

async function expectAsItWas({ seq, path, status, text }: Recorded): Promise<void> {
  const then = await get(atMoment(path, seq));
  // Value for value: the members of an object have no order in JSON, and the journal keeps none.
  expect({ path, seq, status: then.status, json: then.json }).toEqual({ path, seq, status, json: JSON.parse(text) });
  if (status === 200) expect(then.headers.get('starling-seq')).toBe(String(seq));
}

describe('what was answered then', () => {
  test('[HISTORY-8] is answered now for that moment, value for value, at 200 moments and on every path', async () => {
    const asked = sample();
    expect(new Set(asked.map(({ seq }) => seq)).size).toBeGreaterThanOrEqual(momentsMin);
    const patterns = new Set(asked.map(({ path }) => path.replace(/\/[a-z]{3}_[0-9a-z]{26}/, '/{id}')));
    expect([...patterns].sort()).toEqual(reads.map((path) => path.replace(/\{\w+\}/, '{id}')).sort());
    for (const one of someOf(asked, asked.length)) await expectAsItWas(one);
  }, 120_000);

  test('[HISTORY-8] is answered to 20 readers of different moments at once, while the swarm goes on working', async () => {
    const readers = someOf(sample(), 20).map(async (one) => {
      for (let again = 0; again < 5; again++) await expectAsItWas(again % 2 === 0 ? one : oneOf(recorded));
    });
    const work = (async () => {
      for (let i = 0; i < 20; i++) await oneOf(WORK)();
    })();
    await Promise.all([work, ...readers]);
  }, 60_000);

  test('[HISTORY-6] is found by time too: the last event at or before it', async () => {
    for (const event of someOf(events, 40)) {
      const last = events.filter(({ time }) => time <= event.time).at(-1);
      const read = await get(atMoment('/v1/ledger/accounts', event.time));
      expect([read.headers.get('starling-seq'), read.headers.get('starling-time')]).toEqual([
        String(last?.seq),
        last?.time,
      ]);
    }
  });

  test('[HISTORY-8] the page of a past list goes on in that past', async () => {
    const seq = events.length;
    const whole = (await get(atMoment('/v1/ledger/transfers?limit=100', seq))).json;
    const paged: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Answer = await get(
        atMoment(`/v1/ledger/transfers?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`, seq),
      );
      paged.push(...page.json.data);
      // Somebody works meanwhile: that is not in this past.
      await make('ledger/transfers', { debit: 'tenant', credit: 'team/red', amountMicro: 1 });
      cursor = paged.length >= whole.data.length ? null : page.json.nextCursor;
    }
    expect(paged.slice(0, whole.data.length)).toEqual(whole.data);
  });

  test('[HISTORY-8] HEAD says which moment it is, and nothing else', async () => {
    const { seq } = oneOf(recorded);
    const head = await send('HEAD', atMoment('/v1/tasks', seq), { key: us.key });
    expect([head.status, head.text, head.headers.get('starling-seq')]).toEqual([200, '', String(seq)]);
  });
});

describe('what is refused', () => {
  test('[HISTORY-5] a moment that never was, or has not been yet, on every path', async () => {
    for (const pattern of reads) {
      const path = pathOf(pattern);
      if (path === null) continue;
      expect(told(await get(atMoment(path, 0))), path).toEqual([422, 'moment_before_genesis']);
      expect(told(await get(atMoment(path, '2001-01-01T00:00:00Z'))), path).toEqual([422, 'moment_before_genesis']);
      expect(told(await get(atMoment(path, 9_999_999))), path).toEqual([422, 'moment_ahead']);
      expect(told(await get(atMoment(path, '2101-01-01T00:00:00Z'))), path).toEqual([422, 'moment_ahead']);
      for (const nonsense of ['', 'now', '-1', '1.5', '01', '1e3', '2026-11-20', '2026-13-01T00:00:00Z', '💥'])
        expect(told(await get(atMoment(path, nonsense))), `${path} ${nonsense}`).toEqual([400, 'invalid_request']);
      expect(told(await get(`${atMoment(path, 1)}&at=2`)), path).toEqual([400, 'invalid_request']);
    }
  }, 60_000);

  test('[HISTORY-5] `at` where it means nothing: on what changes something, and on reads that are not of rows', async () => {
    const posted = await send('POST', '/v1/tasks?at=1', { key: us.key, json: { operation: 'swarm.echo', input: 1 } });
    expect(told(posted)).toEqual([400, 'invalid_request']);
    for (const path of ['/v1/journal/checkpoint', '/v1/members'])
      expect(told(await get(`${path}?at=1`)), path).toEqual([400, 'invalid_request']);
  });

  test('[HISTORY-9] another tenant’s things are found at no moment', async () => {
    const other = await signUp();
    for (const { path } of someOf(
      recorded.filter(({ path }) => /\/[a-z]{3}_/.test(path)),
      30,
    )) {
      for (const moment of [1, 5]) {
        const foreign = await get(atMoment(path, moment), other.key);
        const nobodys = await get(atMoment(path.replace(/(_[0-9a-z]{20})[0-9a-z]{6}/, '$1zzzzzz'), moment), other.key);
        const plain = ({ status, json }: Answer) => [status, json.code, json.detail];
        expect([path, ...plain(foreign)]).toEqual([path, 404, nobodys.json.code, nobodys.json.detail]);
      }
    }
    const [account] = (await get('/v1/ledger/accounts?at=2', other.key)).json.data;
    expect(account.postedMicro).toBe(-1_000_000_000);
    expect((await get('/v1/tasks?at=5', other.key)).json.data).toEqual([]);
  }, 60_000);

  test('[HISTORY-9] a key reads moments before it was made, with its scopes, until it is revoked', async () => {
    const json = { name: 'reader', scopes: ['tasks:read'] };
    const { id, secret } = (await send('POST', '/v1/keys', { key: us.key, json })).json;
    const { seq } = oneOf(recorded);
    const tasks = await get(atMoment('/v1/tasks', seq), secret);
    expect(tasks.text).toBe((await get(atMoment('/v1/tasks', seq))).text);
    expect(told(await get(atMoment('/v1/ledger/accounts', seq), secret))).toEqual([403, 'scope_missing']);
    expect(told(await get('/v1/history/diff?from=1', secret))).toEqual([403, 'scope_missing']);
    await send('POST', `/v1/keys/${id}/revoke`, { key: us.key });
    expect((await get(atMoment('/v1/tasks', await headSeq()), secret)).status).toBe(401);
    // It was in force then; it is not now.
    expect((await get(atMoment('/v1/tasks', seq), secret)).status).toBe(401);
  });
});

test('[HISTORY-10] looking at the past writes nothing and fires no timer', async () => {
  const { key } = await signUp();
  const hold = { debit: 'tenant', credit: 'team/a', amountMicro: 5, pending: true, timeoutSeconds: 1 };
  const { id } = (await send('POST', '/v1/ledger/transfers', { key, json: hold })).json;
  const expired = await untilEvent('transfer.expired', key);
  const head = (await get('/v1/journal/checkpoint', key)).json;
  expect(head.size).toBe(expired);
  const path = `/v1/ledger/transfers/${id}`;
  expect((await get(path, key)).json.state).toBe('expired');
  for (let seq = 1; seq <= expired; seq++) {
    const then = await get(atMoment(path, seq), key);
    // Its time is long over, and still it is pending in that moment.
    expect(then.json.state).toBe(seq === expired ? 'expired' : seq < expired - 1 ? undefined : 'pending');
    for (const read of ['/v1/history/state', '/v1/operations', '/v1/journal'])
      expect((await get(atMoment(read, seq), key)).status).toBe(200);
    expect((await get(`/v1/history/diff?from=1&to=${seq}`, key)).status).toBe(200);
  }
  expect((await get('/v1/journal/checkpoint', key)).json).toMatchObject({ size: head.size, head: head.head });
});

test('[HISTORY-10] a read of the past is counted like any other', async () => {
  const [now, then] = await Promise.all([get('/v1/tasks'), get('/v1/tasks?at=3')]);
  expect(then.headers.get('ratelimit-policy')).toBe(now.headers.get('ratelimit-policy'));
  for (const { headers } of [now, then]) expect(headers.get('ratelimit')).toMatch(/^"caller";r=\d+;t=\d+$/);
});

/** Waits for an event of this type; answers with its seq. */
async function untilEvent(type: string, key: string): Promise<number> {
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(new URL('/v1/journal/stream', url), { headers, signal: abort.signal });
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const found = new RegExp(`^id: (\\d+)\\nevent: ${type}\\n`, 'm').exec(text);
      if (found) return Number(found[1]);
    }
  } finally {
    abort.abort();
  }
  throw new Error(`the stream ended before ${type}`);
}
