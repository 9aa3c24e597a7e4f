import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fsRead } from '../../../edge-node/src/operations/fs-read.ts';
import { outputBytesMax, readBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { textKeywords } from '../../../edge-node/src/operations/text-keywords.ts';
import { aContext, aFolder } from './a-folder.ts';

describe('fs.read', () => {
  test('[DEVICE-17] a home of before there were markers is known by what it holds, and one file of such a name is not', async () => {
    const home = { 'copy/secret': 'master', 'copy/lock': '', 'copy/state/do/a': '', 'copy/local.json': '{}' };
    const folder = aFolder({ ...home, 'notes/secret': 'a recipe' });
    for (const path of ['copy/secret', 'copy/local.json', 'copy/state/do/a'])
      await expect(fsRead.run({ path }, aContext(folder))).rejects.toMatchObject({ code: 'path_not_granted' });
    expect(await fsRead.run({ path: 'notes/secret' }, aContext(folder))).toMatchObject({ content: 'a recipe' });
  });

  test('text comes as text, whole when it fits', async () => {
    const folder = aFolder({ 'a.txt': 'grüße 🐦\n' });
    expect(await fsRead.run({ path: 'a.txt' }, aContext(folder))).toEqual({
      path: 'a.txt',
      encoding: 'utf8',
      content: 'grüße 🐦\n',
      binary: false,
      offset: 0,
      bytes: 13,
      size: 13,
      nextOffset: null,
    });
  });

  test.each([
    ['a zero byte', new Uint8Array([65, 0, 66]), 'QQBC'],
    ['bytes that are no UTF-8', new Uint8Array([0xff, 0xfe]), '//4='],
  ])('%s makes it base64', async (_, bytes, content) => {
    const folder = aFolder({ 'a.bin': bytes });
    const read = await fsRead.run({ path: 'a.bin' }, aContext(folder));
    expect(read).toMatchObject({ encoding: 'base64', content, binary: true, bytes: bytes.length, nextOffset: null });
  });

  test('what is no text cannot be had as text', async () => {
    const folder = aFolder({ 'a.bin': new Uint8Array([65, 0]) });
    const read = fsRead.run({ path: 'a.bin', encoding: 'utf8' }, aContext(folder));
    await expect(read).rejects.toMatchObject({ code: 'not_text', retryable: false });
  });

  test('text can be had as base64', async () => {
    const folder = aFolder({ 'a.txt': 'abc' });
    const read = await fsRead.run({ path: 'a.txt', encoding: 'base64' }, aContext(folder));
    expect(read).toMatchObject({ encoding: 'base64', content: 'YWJj', binary: false });
  });

  test('a piece ends before a character that it would cut', async () => {
    const folder = aFolder({ 'a.txt': 'aé🐦' });
    const pieces = [];
    for (const limit of [1, 2, 3, 4, 6, 7]) {
      const read = await fsRead.run({ path: 'a.txt', limit }, aContext(folder));
      pieces.push([read.content, read.nextOffset]);
    }
    expect(pieces).toEqual([
      ['a', 1],
      ['a', 1],
      ['aé', 3],
      ['aé', 3],
      ['aé', 3],
      ['aé🐦', null],
    ]);
  });

  test('an offset inside a character gives bytes', async () => {
    const folder = aFolder({ 'a.txt': 'é!' });
    const read = await fsRead.run({ path: 'a.txt', offset: 1 }, aContext(folder));
    expect(read).toMatchObject({ encoding: 'base64', binary: true, nextOffset: null });
  });

  test('the end of a file reads as nothing, what is beyond it is refused', async () => {
    const folder = aFolder({ 'a.txt': 'abc', empty: '' });
    expect(await fsRead.run({ path: 'a.txt', offset: 3 }, aContext(folder))).toMatchObject({
      content: '',
      nextOffset: null,
    });
    expect(await fsRead.run({ path: 'empty' }, aContext(folder))).toMatchObject({
      content: '',
      size: 0,
      encoding: 'utf8',
    });
    const beyond = fsRead.run({ path: 'a.txt', offset: 4 }, aContext(folder));
    await expect(beyond).rejects.toMatchObject({ code: 'offset_beyond_end' });
  });

  test.each([
    ['text', 'x'.repeat(400_000)],
    ['text of quotes, which JSON doubles', '"'.repeat(300_000)],
    ['text of control signs, which JSON makes six', '\u0001'.repeat(300_000)],
    ['text of long characters', '🐦'.repeat(100_000)],
    ['bytes', new Uint8Array(400_000)],
  ])('a large file of %s is read in pieces that fit and make the whole', async (_, content) => {
    const folder = aFolder({ large: content });
    const parts: Buffer[] = [];
    let offset: number | null = 0;
    while (offset !== null) {
      const read: Awaited<ReturnType<typeof fsRead.run>> = await fsRead.run(
        { path: 'large', offset },
        aContext(folder),
      );
      expect(Buffer.byteLength(JSON.stringify(read))).toBeLessThanOrEqual(outputBytesMax);
      expect(read.bytes).toBeLessThanOrEqual(readBytesMax);
      parts.push(Buffer.from(read.content, read.encoding));
      offset = read.nextOffset;
    }
    expect(Buffer.concat(parts).equals(Buffer.from(content))).toBe(true);
  });

  test('any bytes read in pieces of any size make the file', async () => {
    const folder = aFolder();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string({ unit: 'grapheme', maxLength: 24 }).map((text) => new TextEncoder().encode(text)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 4, max: 9 }), async (content, limit) => {
        writeFileSync(join(folder, 'any'), content);
        const parts: Buffer[] = [];
        for (let offset: number | null = 0; offset !== null; ) {
          const read: Awaited<ReturnType<typeof fsRead.run>> = await fsRead.run(
            { path: 'any', offset, limit },
            aContext(folder),
          );
          parts.push(Buffer.from(read.content, read.encoding));
          offset = read.nextOffset;
        }
        expect(Buffer.concat(parts)).toEqual(Buffer.from(content));
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['a folder', 'sub', 'not_a_file'],
    ['a missing file', 'missing', 'path_not_found'],
    ['a secret', '.env', 'path_not_granted'],
    ['a link out', 'out', 'path_not_granted'],
    ['a path out', '../../etc/passwd', 'path_not_granted'],
  ])('%s is refused', async (_, path, code) => {
    const folder = aFolder({ 'sub/a.txt': '', '.env': 'x' });
    symlinkSync('/etc/passwd', join(folder, 'out'));
    await expect(fsRead.run({ path }, aContext(folder))).rejects.toMatchObject({ code, retryable: false });
  });

  test('a pipe that no one writes to is refused and not waited for', async () => {
    const folder = aFolder();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await expect(fsRead.run({ path: 'pipe' }, aContext(folder))).rejects.toMatchObject({ code: 'not_a_file' });
  });

  test('[DEVICE-18] a socket, a device and the views of the system are no files, for whoever reads', async () => {
    const folder = aFolder();
    const server = createServer().listen(join(folder, 'socket'));
    await once(server, 'listening');
    await expect(fsRead.run({ path: 'socket' }, aContext(folder))).rejects.toMatchObject({ code: 'not_a_file' });
    server.close();
    if (process.platform !== 'linux') return;
    const whole = aContext('/');
    for (const path of ['/dev/zero', '/dev/stdin', '/dev/random'])
      await expect(fsRead.run({ path }, whole), path).rejects.toMatchObject({
        code: expect.stringMatching(/^(not_a_file|path_not_granted)$/),
      });
    for (const path of ['/proc/self/environ', '/proc/self/fd/0', '/proc/kmsg', '/proc/self/maps']) {
      await expect(fsRead.run({ path }, whole), path).rejects.toMatchObject({
        code: expect.stringMatching(/^(not_a_file|path_not_granted)$/),
      });
      await expect(textKeywords.run({ path }, whole), path).rejects.toMatchObject({
        code: expect.stringMatching(/^(not_a_file|path_not_granted)$/),
      });
    }
  });

  test('[DEVICE-18] a folder that is swapped for a link again and again never shows what the link leads to', async () => {
    const folder = aFolder({ 'repo/d/a.txt': 'granted', 'outside/a.txt': 'SECRET', 'repo/b.txt': 'granted' });
    const swapper = spawn(
      process.execPath,
      [
        '-e',
        `const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
      const until = Date.now() + 20_000;
      console.log('on');
      while (Date.now() < until) {
        renameSync('d', 'away'); symlinkSync('../outside', 'd');
        unlinkSync('d'); renameSync('away', 'd');
        renameSync('b.txt', 'away.txt'); symlinkSync('../outside/a.txt', 'b.txt');
        unlinkSync('b.txt'); renameSync('away.txt', 'b.txt');
      }`,
      ],
      { cwd: join(folder, 'repo'), stdio: ['ignore', 'pipe', 'ignore'] },
    );
    await once(swapper.stdout, 'data');
    const seen = new Set<string>();
    const context = aContext(join(folder, 'repo'));
    for (let i = 0; i < 3_000; i++)
      for (const path of ['d/a.txt', 'b.txt'])
        seen.add(
          await fsRead.run({ path }, context).then(
            ({ content }) => content,
            ({ code }) => String(code),
          ),
        );
    swapper.kill('SIGKILL');
    await once(swapper, 'exit');
    expect([...seen].filter((one) => !/^[a-z_]+$/.test(one))).toEqual([]);
    expect(seen).toContain('granted');
  }, 30_000);

  test('an aborted call reads nothing', async () => {
    const folder = aFolder({ 'a.txt': 'abc' });
    const reason = new Error('lease lost');
    await expect(fsRead.run({ path: 'a.txt' }, aContext(folder, { signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    );
  });
});
