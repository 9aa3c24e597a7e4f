import { join } from 'node:path';
import { build } from 'esbuild';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import { objectBytesMax } from '../../core/limits.ts';
import { guardedStore, KEY_HEADS } from '../../functions/storage/guarded-store.ts';
import { s3Store } from '../../functions/storage/s3-store.ts';
import { faultyObjectStore, type StorageFault } from './faulty-object-store.ts';
import { memoryObjectStore } from './memory-object-store.ts';
import { objectStoreContract } from './object-store.contract.ts';
import { type S3Front, startS3Front } from './s3-front.ts';

const root = join(import.meta.dirname, '../..');
const access = { region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const contentType = 'application/octet-stream';

/** Of fauxqs: what S3 has and it has not. */
const LOCAL_S3_LACKS = { conditions: true, byteOrder: true, mebibytesMax: 10 } as const;

let fauxqs: FauxqsServer;
let front: S3Front;
let r2: Miniflare;
let s3InWorkerd: Miniflare;

beforeAll(async () => {
  fauxqs = await startFauxqs({ port: 0, logger: false });
  for (const name of ['starling-bare', 'starling-conditional', 'starling-in-workerd']) fauxqs.createBucket(name);
  front = await startS3Front(fauxqs.address);
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 'store-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    // As wrangler.toml has it.
    alias: { '@aws-sdk/xml-builder': join(root, 'node_modules/@aws-sdk/xml-builder/dist-cjs/index.js') },
  });
  const worker = (bindings: Record<string, string>) =>
    new Miniflare(
      convertV4MiniflareOptions({
        workers: [
          {
            name: 'store',
            modules: true,
            script: bundle.outputFiles[0]?.text ?? '',
            compatibilityDate: '2026-11-01',
            compatibilityFlags: ['nodejs_compat'],
            r2Buckets: ['ARCHIVE'],
            bindings,
          },
        ],
      }),
    );
  r2 = worker({});
  s3InWorkerd = worker({ S3_ENDPOINT: fauxqs.address });
  await Promise.all([r2.ready, s3InWorkerd.ready]);
}, 60_000);
afterAll(async () => {
  await Promise.all([r2.dispose(), s3InWorkerd.dispose(), front.stop()]);
  await fauxqs.stop();
});
beforeEach(() => {
  front.fault = () => null;
  front.seen = [];
});

/** The store of `store-worker.ts`, from here. */
function storeOverHttp(miniflare: () => Miniflare): ObjectStore {
  const ask = async (call: string, args: readonly unknown[], body?: Uint8Array) => {
    // A header is bytes: what is beyond ASCII travels escaped.
    const asked = JSON.stringify({ call, args }).replace(
      /[^\x20-\x7e]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const init = { method: 'POST', headers: { asked }, ...(body === undefined ? {} : { body }) };
    const answer = await miniflare().dispatchFetch('http://store.test/', init);
    if (answer.status === 500) throw new Error(await answer.text());
    return answer;
  };
  return {
    // The Worker answers with what its own store said, which is of the port's types.
    put: async (key, bytes, options) =>
      (await (await ask('put', [key, options], bytes)).json()) as Awaited<ReturnType<ObjectStore['put']>>,
    get: async (key) => {
      const answer = await ask('get', [key]);
      return answer.status === 204 ? null : new Uint8Array(await answer.arrayBuffer());
    },
    list: async (prefix, cursor, limit) =>
      (await (await ask('list', [prefix, cursor, limit])).json()) as Awaited<ReturnType<ObjectStore['list']>>,
    delete: async (keys) => void (await ask('delete', [keys])),
  };
}

describe('object storage in memory', () => {
  const store = memoryObjectStore();
  objectStoreContract(() => store);
});

describe('object storage that could go wrong and does not', () => {
  const store = faultyObjectStore(memoryObjectStore(), { choose: () => null, below: () => 0, pause: async () => {} });
  objectStoreContract(() => store);
});

describe('R2 in workerd', () => {
  const store = storeOverHttp(() => r2);
  objectStoreContract(() => store);
});

describe('S3 in Node, a server that decides conditional writes', () => {
  let store: ObjectStore;
  beforeAll(() => {
    store = s3Store({ ...access, endpoint: front.url, bucket: 'starling-conditional' });
  });
  objectStoreContract(() => store, { byteOrder: true, mebibytesMax: 10 });
});

describe('S3 in Node, a server that does not know conditional writes', () => {
  let store: ObjectStore;
  beforeAll(() => {
    store = s3Store({ ...access, endpoint: fauxqs.address, bucket: 'starling-bare' });
  });
  objectStoreContract(() => store, LOCAL_S3_LACKS);
});

describe('S3 in workerd', () => {
  const store = storeOverHttp(() => s3InWorkerd);
  objectStoreContract(() => store, LOCAL_S3_LACKS);
});

describe('S3 that goes wrong', () => {
  const open = () => s3Store({ ...access, endpoint: front.url, bucket: 'starling-conditional' });
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.unreachable('it went well'),
      (cause: unknown) => cause,
    );

  test('[STORE-8] a request that failed or was throttled once is tried again, and goes well', {
    timeout: 15_000,
  }, async () => {
    for (const fault of ['failing', 'throttled', 'done-but-cut'] as const) {
      let left = 1;
      front.fault = () => (left-- > 0 ? fault : null);
      expect(await open().put(`wrong/${fault}`, new Uint8Array([1]), { contentType })).toBe('stored');
      expect(await open().get(`wrong/${fault}`)).toEqual(new Uint8Array([1]));
    }
  });

  test('[STORE-8] a store that goes on failing is a fault that may be tried again, and names no key', {
    timeout: 15_000,
  }, async () => {
    front.fault = () => 'throttled';
    const cause = await failure(open().put('wrong/secret-name', new Uint8Array([1]), { contentType }));
    expect(cause).toMatchObject({ name: 'Fault', retryable: true });
    expect(String(cause)).toMatch(/S3 put: SlowDown \(503\)/);
    expect(String(cause)).not.toContain('secret-name');
    expect(front.seen).toHaveLength(3);
    const others = [open().get('wrong/a'), open().list('wrong/', null, 1), open().delete(['wrong/a'])];
    for (const other of await Promise.all(others.map(failure)))
      expect(other).toMatchObject({ name: 'Fault', retryable: true });
  });

  test('[STORE-8] what is denied is a fault that is not tried again', async () => {
    front.fault = () => 'denied';
    expect(await failure(open().get('wrong/a'))).toMatchObject({ name: 'Fault', retryable: false });
    expect(front.seen).toHaveLength(1);
    expect(await failure(open().put('wrong/b', new Uint8Array(1), { contentType, ifAbsent: true }))).toMatchObject({
      retryable: false,
    });
    const missing = s3Store({ ...access, endpoint: front.url, bucket: 'no-such-bucket' });
    front.fault = () => null;
    expect(await failure(missing.get('wrong/a'))).toMatchObject({ retryable: false });
  });

  test('[STORE-8] a writer in the way of another is told to come again', async () => {
    front.fault = (method) => (method === 'PUT' ? 'conflict' : null);
    const put = open().put('wrong/conflict', new Uint8Array(1), { contentType, ifAbsent: true });
    expect(await failure(put)).toMatchObject({ name: 'Fault', retryable: true });
  });

  test('[STORE-8] stored though the answer was lost: tried again, it is present', async () => {
    let left = 1;
    front.fault = (method) => (method === 'PUT' && left-- > 0 ? 'done-but-cut' : null);
    expect(await open().put('wrong/lost', new Uint8Array([7]), { contentType, ifAbsent: true })).toBe('present');
    expect(await open().get('wrong/lost')).toEqual(new Uint8Array([7]));
  });
});

describe('object storage that goes wrong on purpose', () => {
  const stored = new Uint8Array([1, 2, 3, 4]);
  const suffering = async (fault: StorageFault) => {
    const inner = memoryObjectStore();
    await inner.put('a', stored, { contentType });
    let pauses = 0;
    const store = faultyObjectStore(inner, {
      choose: () => fault,
      below: (n) => Math.floor(n / 2),
      pause: async () => {
        pauses += 1;
      },
    });
    return { inner, store, pauses: () => pauses };
  };

  test.each(['failing', 'throttled'] as const)('%s does nothing and says so', async (fault) => {
    const { inner, store } = await suffering(fault);
    await expect(store.put('b', stored, { contentType })).rejects.toThrow(Fault);
    await expect(store.get('a')).rejects.toThrow(fault);
    await expect(store.list('', null, 1)).rejects.toThrow(fault);
    await expect(store.delete(['a'])).rejects.toThrow(fault);
    expect([...inner.objects.keys()]).toEqual(['a']);
    expect(store.counts[fault]).toBe(4);
  });

  test('what timed out was done all the same', async () => {
    const { inner, store } = await suffering('done-but-timed-out');
    await expect(store.put('b', stored, { contentType })).rejects.toThrow(Fault);
    await expect(store.delete(['a'])).rejects.toThrow(Fault);
    expect([...inner.objects.keys()]).toEqual(['b']);
  });

  test('slow waits and goes well', async () => {
    const { store, pauses } = await suffering('slow');
    expect(await store.get('a')).toEqual(stored);
    expect([pauses(), store.counts.slow]).toEqual([1, 1]);
  });

  test('damage befalls what is read, and what is stored', async () => {
    const flipped = await suffering('flipped');
    expect(await flipped.store.get('a')).toEqual(new Uint8Array([1, 2, 3 ^ 16, 4]));
    await flipped.store.put('b', stored, { contentType });
    expect(flipped.inner.objects.get('b')).toEqual(new Uint8Array([1, 2, 3 ^ 16, 4]));
    const truncated = await suffering('truncated');
    expect(await truncated.store.get('a')).toEqual(new Uint8Array([1, 2]));
    const missing = await suffering('missing');
    expect([await missing.store.get('a'), await missing.store.put('b', stored, { contentType })]).toEqual([
      null,
      'stored',
    ]);
    expect([...missing.inner.objects.keys()]).toEqual(['a']);
    expect([flipped.store.counts.flipped, truncated.store.counts.truncated, missing.store.counts.missing]).toEqual([
      2, 1, 2,
    ]);
  });
});

describe('the guard of object storage', () => {
  const inner = memoryObjectStore();
  const store = guardedStore(inner);

  test('[STORE-9] keys under the words of Starling pass, and nothing else does', async () => {
    for (const head of KEY_HEADS) {
      await store.put(`${head}/tnt_1/a.json`, new Uint8Array(1), { contentType });
      expect((await store.list(`${head}/tnt_1/`, null, 10)).objects).toHaveLength(1);
    }
    for (const key of [
      '',
      'journal',
      'other/a',
      '/journal/a',
      'journal//a',
      'journal/',
      'journal/../telemetry/a',
      'journal/./a',
      'journal/a b',
      'journal/a%2Fb',
      'journal/ü',
      `journal/${'x'.repeat(1_024)}`,
    ]) {
      await expect(store.put(key, new Uint8Array(1), { contentType }), key).rejects.toThrow('a key of object storage');
      await expect(store.get(key), key).rejects.toThrow('a key of object storage');
      await expect(store.delete(['journal/tnt_1/a.json', key]), key).rejects.toThrow('a key of object storage');
    }
    await expect(store.list('', null, 10)).rejects.toThrow('a key of object storage');
    expect(inner.objects.size).toBe(KEY_HEADS.length);
  });

  test('[STORE-9] an object past the limit is refused, one at the limit is not', async () => {
    const most = new Uint8Array(objectBytesMax);
    expect(await store.put('journal/tnt_1/most', most, { contentType })).toBe('stored');
    const more = new Uint8Array(objectBytesMax + 1);
    await expect(store.put('journal/tnt_1/more', more, { contentType })).rejects.toMatchObject({ retryable: false });
  });
});
