// The file that says that a folder is a home of ours.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeMarkerFile, isKnownVersion, markHome, readHomeMarker } from '../../edge-node/src/home-marker.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-marker-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a marked folder says what it is, for its owner only', () => {
  const marker = markHome(folder, 'device');
  expect(readHomeMarker(folder)).toEqual(marker);
  expect(marker).toEqual({ version: 1, kind: 'device', id: expect.stringMatching(/^[\w-]{22}$/) });
  expect(isKnownVersion(marker)).toBe(true);
  expect(readdirSync(folder)).toEqual([homeMarkerFile]);
  expect(statSync(join(folder, homeMarkerFile)).mode & 0o777).toBe(0o600);
});

test('a home of a later version is known as a home, and as one of another version', () => {
  writeFileSync(join(folder, homeMarkerFile), `starling-home 2 platform ${'a'.repeat(22)}\n`);
  const marker = readHomeMarker(folder);
  expect(marker).toMatchObject({ version: 2, kind: 'platform' });
  expect(marker && isKnownVersion(marker)).toBe(false);
});

test.each(['', 'starling-home', 'starling-home 1 platform short\n', ` starling-home 1 device ${'a'.repeat(22)}\n`])(
  'a file of that name with other words says nothing: %j',
  (text) => {
    writeFileSync(join(folder, homeMarkerFile), text);
    expect(readHomeMarker(folder)).toBeNull();
  },
);

test('neither a folder, nor a link, nor no file at all is a marker', () => {
  expect(readHomeMarker(folder)).toBeNull();
  expect(readHomeMarker(join(folder, 'not-there'))).toBeNull();
  const other = join(folder, 'other');
  mkdirSync(other);
  markHome(other, 'platform');
  symlinkSync(join(other, homeMarkerFile), join(folder, homeMarkerFile));
  expect(readHomeMarker(folder)).toBeNull();
  rmSync(join(folder, homeMarkerFile));
  mkdirSync(join(folder, homeMarkerFile));
  expect(readHomeMarker(folder)).toBeNull();
});
