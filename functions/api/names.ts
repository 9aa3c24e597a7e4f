// The names that the platform has. What a request says in Host is the caller's to choose, and links in mail, cookies, tokens
// and the audience of a device's proof follow the name: so a request under any other name is not served. A page whose own
// name was pointed at this machine (DNS rebinding) ends here.

import { err, ok, type Result } from '../../core/result.ts';

/** The settings that name the platform, as the Worker and the local platform read them. */
export interface NameEnv {
  /** Where the platform is reached: `https://swarm.example.com`. */
  readonly STARLING_BASE_URL?: string | undefined;
  /** Further names of it, separated by commas: `box.lan, 192.168.1.20:8787`. */
  readonly STARLING_HOSTS?: string | undefined;
}

export interface Names {
  /** Where we are reached, when a setting says so; null when only a request can tell. */
  readonly home: string | null;
  /** The base URL that a request is served under, without a slash at the end; null when it is not for us. */
  baseOf(request: Request): string | null;
}

export interface SettingUnreadable {
  readonly setting: keyof NameEnv;
}

/** More names than anyone has. For each a few functions are kept. */
const hostsMax = 32;
/** A host name or an address, and a port. Anything else in a Host header is a trick: a path, a second name, a user. */
const HOST = /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;
/** The name in wrangler.toml: Cloudflare's own names of a Worker begin with it. */
export const workerName = 'starling';
/** The one name of a deployment that was told none. Only its own Worker is reached by it. */
const OWN_NAME = new RegExp(`^${workerName}\\.[a-z0-9][a-z0-9-]{0,62}\\.workers\\.dev$`);

/** Reads what the platform is called. Without any setting it has its workers.dev name and no other. */
export function readNames({ STARLING_BASE_URL, STARLING_HOSTS }: NameEnv): Result<Names, SettingUnreadable> {
  const base = STARLING_BASE_URL ? readBaseUrl(STARLING_BASE_URL) : null;
  if (base === undefined) return err({ setting: 'STARLING_BASE_URL' });
  const listed = readHosts(STARLING_HOSTS ?? '');
  if (!listed.ok) return listed;
  const known = new Set(base === null ? listed.value : [nameOf(new URL(base)), ...listed.value]);
  const isTold = known.size > 0;
  return ok({
    home: base,
    baseOf({ url, headers }) {
      const host = headers.get('host');
      // As nearly every request comes: nothing to parse.
      if (host !== null && known.has(host)) {
        if (url.startsWith(`http://${host}/`)) return base ?? `http://${host}`;
        if (url.startsWith(`https://${host}/`)) return base ?? `https://${host}`;
      }
      const called = calledBy(url, host);
      if (called === null) return null;
      if (!isTold) return called.port === '' && OWN_NAME.test(called.hostname) ? `https://${called.hostname}` : null;
      return known.has(nameOf(called)) ? (base ?? called.origin) : null;
    },
  });
}

/** No name at all: what is left when a setting cannot be read. */
export const NAMELESS: Names = { home: null, baseOf: () => null };

/** The hosts of a list with commas, each as a request names it. */
export function readHosts(list: string): Result<readonly string[], SettingUnreadable> {
  const unreadable = err({ setting: 'STARLING_HOSTS' } as const);
  const entries = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length > hostsMax) return unreadable;
  const hosts: string[] = [];
  for (const entry of entries) {
    const url = HOST.test(entry) ? URL.parse(`http://${entry}/`) : null;
    if (url === null) return unreadable;
    hosts.push(nameOf(url));
  }
  return ok(hosts);
}

/** A base URL as an origin; undefined when it has more, or is none. */
function readBaseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const isOrigin = url.href === `${url.origin}/`;
  return isOrigin ? url.origin : undefined;
}

/** The address that a request was sent to, when it says one and the same everywhere. */
function calledBy(text: string, host: string | null): URL | null {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return null;
  if (host === null) return url;
  const said = HOST.test(host) ? URL.parse(`${url.protocol}//${host}/`) : null;
  return said?.host === url.host ? url : null;
}

/** Host and port as they are compared: a default port is none, whichever scheme it is the default of. */
function nameOf({ hostname, host, port }: URL): string {
  return port === '80' || port === '443' ? hostname : host;
}
