// `npm run lock`: completes package-lock.json after a change of the dependencies. Adds the packages for other platforms (Apple,
// Windows, musl) that npm left out because the registry at hand does not offer them to this one; without them `npm ci` refuses the
// lock file on every machine. Gives every package the digest that the registry names, and writes the page of the licences. A
// package whose digest cannot be had is an error: what is not digested could be anything.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { licencesPage } from './licences.mjs';

const root = dirname(import.meta.dirname);
const path = join(root, 'package-lock.json');
const SYSTEMS = { android: 'android', darwin: 'darwin', linux: 'linux', win32: 'win32', windows: 'win32' };
const PLATFORM = /\b(android|darwin|linux|win32|windows)-(arm64|x64|64)(-musl)?$/;

const lock = JSON.parse(readFileSync(path, 'utf8'));
const changed = [];
for (const [place, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const isThere = [`${place}/node_modules/${name}`, `node_modules/${name}`].some((key) => key in lock.packages);
    const platform = PLATFORM.exec(name);
    if (isThere || platform === null || !/^\d/.test(version)) continue;
    const [, system, cpu, musl] = platform;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu === '64' ? 'x64' : cpu],
      ...(dev ? { dev } : {}),
      ...(musl ? { libc: ['musl'] } : {}),
      optional: true,
      os: [SYSTEMS[system]],
    };
  }
}
for (const [place, entry] of Object.entries(lock.packages)) {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(place) ?? [];
  if (name === undefined || entry.link || entry.integrity) continue;
  const { integrity, license } = ask(`${name}@${entry.version}`);
  // The order that npm writes: its own words first.
  const { version, ...rest } = entry;
  lock.packages[place] = { version, integrity, ...rest, license };
  changed.push(`${name}@${version}`);
}
// The order that npm writes.
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
writeFileSync(join(root, 'docs', 'reference', 'licences.md'), licencesPage(lock));
process.stdout.write(changed.length === 0 ? 'lock: complete\n' : `lock: completed ${changed.join(', ')}\n`);

/** What the registry says of a package. */
function ask(spec) {
  const output = execFileSync('npm', ['view', spec, '--json', 'dist.integrity', 'license'], { encoding: 'utf8' });
  const { 'dist.integrity': integrity, license } = JSON.parse(output);
  if (!integrity || typeof license !== 'string') throw new Error(`the registry names no digest or licence of ${spec}`);
  return { integrity, license };
}
