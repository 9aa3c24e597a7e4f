// What the local platform is called: by this machine's own names, at its port, and by what STARLING_HOSTS lists. Listening on
// an address gives no name: a platform that is open to a network says by which name it wants to be called there.

import { type NameEnv, readHosts, readNames } from '../functions/api/names.ts';
import { StartError } from './start-error.ts';

const OWN = ['localhost', '127.0.0.1', '[::1]'] as const;
/** Addresses that stand for all of a machine's, its own names included. */
const ALL = new Set(['0.0.0.0', '::']);
const MINE = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * The names of the platform, as a binding of its Worker: a listed one without a port is known at ours and at none.
 * @throws StartError when a setting cannot be read, or the platform would know no name at the address that it listens on
 */
export function nameBindings(env: NameEnv, host: string, port: number): { STARLING_HOSTS: string } {
  const read = readNames(env);
  const listed = readHosts(env.STARLING_HOSTS ?? '');
  if (!read.ok || !listed.ok) {
    const setting = read.ok ? 'STARLING_HOSTS' : read.error.setting;
    throw new StartError(`${setting} cannot be read; see docs/reference/configuration.md`);
  }
  const own = ALL.has(host) || MINE.has(host) ? OWN.map((name) => `${name}:${port}`) : [];
  const further = listed.value.flatMap((name) => (/:\d+$/.test(name) ? [name] : [name, `${name}:${port}`]));
  const names = [...own, ...further];
  const called = host.includes(':') ? `[${host}]` : host;
  if (!ALL.has(host) && !MINE.has(host) && !names.includes(`${called}:${port}`)) {
    const most = `STARLING_HOSTS=${called}`;
    throw new StartError(`STARLING_HOST=${host} is where to listen, and no name yet; set ${most} as well`);
  }
  return { STARLING_HOSTS: names.join(',') };
}

/** What to say to whoever opened the platform to a network and listed no name for it; null when there is nothing to say. */
export function unnamed(env: NameEnv, host: string): string | null {
  if (!ALL.has(host) || env.STARLING_HOSTS || env.STARLING_BASE_URL) return null;
  return `it listens on ${host}, but answers to this machine's own names alone; set STARLING_HOSTS to the names and addresses by which others call it`;
}
