// What others wrote that is installed here: every package is pinned by a digest, runs nothing while it is installed, and is on
// terms that are listed.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXCEPTIONS, FREE, licencesPage, packagesOf } from '../../local/licences.mjs';
import { read } from './docs-pages.ts';
import { root } from './repository.ts';

const lock = JSON.parse(read('package-lock.json'));
const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
const packages = packagesOf(lock);

describe('the packages that are installed', () => {
  test('[LOCAL-6] each is pinned by a SHA-512 digest, and no address says where it comes from', () => {
    expect(packages.length).toBeGreaterThan(100);
    expect(packages.filter(({ integrity }) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual([]);
    const places = Object.entries<{ resolved?: string; link?: boolean }>(lock.packages);
    expect(places.filter(([, { resolved, link }]) => resolved !== undefined && !link)).toEqual([]);
  });

  test('[LOCAL-6] those that would run a program while they are installed are named, and do not', () => {
    const scripted = packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
    expect([...new Set(scripted)].toSorted()).toEqual(Object.keys(allowScripts).toSorted());
    expect(Object.values(allowScripts).every((isAllowed) => !isAllowed)).toBe(true);
    expect(read('local/with-runtime.mjs')).toContain("'--ignore-scripts'");
  });

  test('[LOCAL-6] each is on terms that are known; those that ask for more are named, and not part of what is deployed', () => {
    const others = packages.filter(({ licence }) => !FREE.includes(licence));
    const unnamed = others.filter(
      ({ name, licence, isDev }) =>
        !isDev || !EXCEPTIONS.some((one) => one.name.test(name) && one.licences.test(licence)),
    );
    expect(unnamed).toEqual([]);
    // An exception that nothing needs any more goes.
    for (const { name } of EXCEPTIONS) expect(others.some((one) => name.test(one.name))).toBe(true);
  });

  test('[LOCAL-6] the licence that the lock file names is the one that the package says', () => {
    const installed = packages.filter(({ place }) => existsSync(join(root, place, 'package.json')));
    expect(installed.length).toBeGreaterThan(100);
    for (const { place, licence } of installed) {
      const said = JSON.parse(readFileSync(join(root, place, 'package.json'), 'utf8'));
      expect(said.license ?? 'none', place).toBe(licence);
    }
  });

  test('the page of the licences is made from the lock file', () => {
    expect(read('docs/reference/licences.md')).toBe(licencesPage(lock));
  });
});
