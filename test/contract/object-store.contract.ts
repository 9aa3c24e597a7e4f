// What every `ObjectStore` promises, wherever the bytes lie. Each implementation brings an empty store.

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ObjectStore, StoredObject } from '../../core/archive/port.ts';

/** What a local server has not of what the platform has. */
export interface StoreLacks {
  /** Two writers at the same instant may both be told that they stored: it does not know conditional writes. */
  readonly conditions?: true;
  /** It orders keys as words, not by their bytes; keys of one alphabet come right. */
  readonly byteOrder?: true;
  /** It takes objects of so many mebibytes. */
  readonly mebibytesMax?: number;
}

const contentType = 'application/octet-stream';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const MEBIBYTE = 1024 * 1024;

/** Keys as tenants, hashes and dates make them, and some that nobody should make. */
const ODD_KEYS = [
  'a b',
  'a+b',
  'a%2Fb',
  'a%b',
  'ü/✓/𝄞',
  'a=b/c&d;e',
  `'quotes"()*!`,
  'tenant=tnt_1/date=2026-11-20/x.parquet',
  '.hidden',
  'x'.repeat(900),
];

/** The suite; call it inside a `describe` that names the implementation. `open` gives the same empty store all along. */
export function objectStoreContract(open: () => ObjectStore, lacks: StoreLacks = {}): void {
  const put = (key: string, bytes: Uint8Array, ifAbsent = false) => open().put(key, bytes, { contentType, ifAbsent });

  async function listAll(prefix: string, limit: number): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < 100; page++) {
      const listed = await open().list(prefix, cursor, limit);
      expect(listed.objects.length).toBeLessThanOrEqual(limit);
      found.push(...listed.objects);
      cursor = listed.cursor;
      if (cursor === null) return found;
    }
    throw new Error('a listing does not end');
  }

  test('[STORE-1] what was put is read back byte for byte, and null where nothing was', async () => {
    const bytes = randomBytes(70_000);
    expect(await put('plain/a', bytes)).toBe('stored');
    expect(Buffer.from((await open().get('plain/a')) ?? []).equals(bytes)).toBe(true);
    expect(await open().get('plain/b')).toBeNull();
    expect(await open().get('plain')).toBeNull();
  });

  test('[STORE-1] an empty object is there, and has no bytes', async () => {
    expect(await put('empty/a', new Uint8Array(0))).toBe('stored');
    expect(await open().get('empty/a')).toHaveLength(0);
    expect(await listAll('empty/', 10)).toEqual([{ key: 'empty/a', bytes: 0 }]);
  });

  test('[STORE-1] a part of a larger buffer is stored as that part', async () => {
    const whole = randomBytes(1_000);
    await put('part/a', whole.subarray(100, 200));
    expect(Buffer.from((await open().get('part/a')) ?? []).equals(whole.subarray(100, 200))).toBe(true);
  });

  test('[STORE-1] a large object is stored whole: sixteen mebibytes', { timeout: 30_000 }, async () => {
    const bytes = randomBytes(Math.min(16, lacks.mebibytesMax ?? 16) * MEBIBYTE);
    await put('large/a', bytes);
    expect(Buffer.from((await open().get('large/a')) ?? []).equals(bytes)).toBe(true);
    await open().delete(['large/a']);
  });

  test.each(ODD_KEYS.map((key) => [key]))('[STORE-2] the key %j is its own, and found by its prefix', async (key) => {
    const odd = `odd/${key}`;
    expect(await put(odd, bytesOf(key))).toBe('stored');
    expect(new TextDecoder().decode((await open().get(odd)) ?? undefined)).toBe(key);
    expect((await listAll(odd, 10)).map((object) => object.key)).toContain(odd);
    await open().delete([odd]);
    expect(await open().get(odd)).toBeNull();
  });

  test('[STORE-3] a second put replaces the first', async () => {
    await put('again/a', bytesOf('one'));
    expect(await put('again/a', bytesOf('two'))).toBe('stored');
    expect(await open().get('again/a')).toEqual(bytesOf('two'));
  });

  test('[STORE-4] with ifAbsent an object that is there stays as it is', async () => {
    expect(await put('absent/a', bytesOf('one'), true)).toBe('stored');
    expect(await put('absent/a', bytesOf('two'), true)).toBe('present');
    expect(await open().get('absent/a')).toEqual(bytesOf('one'));
    await open().delete(['absent/a']);
    expect(await put('absent/a', bytesOf('three'), true)).toBe('stored');
  });

  test('[STORE-4] of many writers of an absent object one stores it, and what is there is whole', async () => {
    const writers = Array.from({ length: 8 }, (_, n) => bytesOf(`writer ${n} `.repeat(5_000)));
    const said = await Promise.all(writers.map((bytes) => put('race/a', bytes, true)));
    const there = new TextDecoder().decode((await open().get('race/a')) ?? undefined);
    expect(writers.map((bytes) => new TextDecoder().decode(bytes))).toContain(there);
    if (lacks.conditions) return expect(said).toContain('stored');
    expect(said.filter((word) => word === 'stored')).toHaveLength(1);
    expect(new TextDecoder().decode(writers[said.indexOf('stored')])).toBe(there);
  });

  test('[STORE-5] a listing comes in the order of bytes, page by page, with sizes and nothing else', async () => {
    const names = lacks.byteOrder
      ? ['10', '9', 'a', 'b1', 'b2', 'zz']
      : ['B', 'a', 'a/b', 'a-b', '10', '9', 'é', 'z', 'ｚ', '𝄞'];
    for (const name of names) await put(`list/${name}`, bytesOf(name));
    await put('list-of-others/a', bytesOf('x'));
    const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    const expected = names.toSorted(order).map((name) => ({ key: `list/${name}`, bytes: bytesOf(name).length }));
    for (const limit of [1, 3, names.length, 1_000]) expect(await listAll('list/', limit)).toEqual(expected);
    expect(await open().list('list/nothing', null, 10)).toEqual({ objects: [], cursor: null });
    // The cursor is a key, whether it is there or not.
    const page = await open().list('list/', 'list/a0', 1_000);
    expect(page.objects).toEqual(expected.filter(({ key }) => order(key, 'list/a0') > 0));
  });

  test('[STORE-6] deleted objects are gone, those beside them stay, and one that is not there is as good as deleted', async () => {
    for (const name of ['a', 'b', 'c']) await put(`gone/${name}`, bytesOf(name));
    await open().delete(['gone/a', 'gone/c', 'gone/never']);
    await open().delete(['gone/a']);
    await open().delete([]);
    expect(await listAll('gone/', 10)).toEqual([{ key: 'gone/b', bytes: 1 }]);
  });

  test('[STORE-6] a thousand objects are deleted at once', { timeout: 60_000 }, async () => {
    const keys = Array.from({ length: 1_000 }, (_, n) => `many/${String(n).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => put(key, bytesOf(key))));
    expect((await listAll('many/', 400)).map(({ key }) => key)).toEqual(keys);
    await open().delete(keys);
    expect(await listAll('many/', 10)).toEqual([]);
  });

  test('[STORE-7] many calls at once do not touch each other', async () => {
    const objects = Array.from({ length: 40 }, (_, n) => ({ key: `once/${n}`, bytes: randomBytes(1_000 + n) }));
    await Promise.all(objects.map(({ key, bytes }) => put(key, bytes)));
    const read = await Promise.all(objects.map(({ key }) => open().get(key)));
    expect(read.every((bytes, n) => Buffer.from(bytes ?? []).equals(objects[n]?.bytes ?? Buffer.alloc(0)))).toBe(true);
  });
}
