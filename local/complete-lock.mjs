// `npm run lock`: adds to package-lock.json the packages for other platforms (Apple, Windows, musl) that npm left out
// because the registry at hand does not have them. Without them `npm ci` refuses the lock file on every machine. Only
// name, version and platform are written: their digests are unknown here, and npm takes them from its registry.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const path = join(dirname(import.meta.dirname), 'package-lock.json');
const SYSTEMS = { android: 'android', darwin: 'darwin', linux: 'linux', win32: 'win32', windows: 'win32' };
const PLATFORM = /\b(android|darwin|linux|win32|windows)-(arm64|x64|64)(-musl)?$/;

const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = [];
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
    added.push(`${name}@${version}`);
  }
}
// The order that npm writes.
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(added.length === 0 ? 'lock: complete\n' : `lock: added ${added.join(', ')}\n`);
