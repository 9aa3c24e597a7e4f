// Which folders of this machine an operation may read, and in which it may run the project's own programs. The device's
// owner grants them; an offer from the swarm can never widen them.

import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { OperationFailure } from './operations/operation-failure.ts';

/** One granted folder: its absolute path, and whether it may be read and whether programs in it may be run. */
export interface FolderGrant {
  readonly path: string;
  readonly read: boolean;
  readonly run: boolean;
}

/** The answer to "may I touch this path". Both methods return the real absolute path or throw `path_not_granted`. */
export interface Permissions {
  readable(path: string): string;
  runnable(path: string): string;
}

interface RealGrant extends FolderGrant {
  /** Canonical path of the folder: links resolved, and the true case on file systems that ignore case. */
  readonly real: string;
}

/**
 * The permissions that follow from a list of grants.
 *
 * A path is judged by its real path: links and `..` are resolved first, so a link inside a granted folder that points out
 * of it is refused. The most specific grant decides, so `/repo` can be granted and `/repo/private` withheld. A relative
 * path is taken from the first granted folder. A missing path inside a grant is `path_not_found`; everything outside is
 * `path_not_granted`, whether it exists or not. A grant for a folder that does not exist at start grants nothing.
 *
 * Files that usually hold secrets are refused even inside a grant: `.env` and its kin (not `.env.example`), private keys
 * (`*.pem`, `*.key`, `*.p12`, `*.pfx`, `*.jks`, `*.keystore`, `*.kdbx`, `id_rsa` and its kin, not `*.pub`), credential
 * files (`.git/config`, `.git-credentials`, `.netrc`, `.npmrc`, `.pypirc`, `.pgpass`, `.htpasswd`, `.dev.vars`,
 * `credentials`, `secrets.json` and its kin, `*.tfstate`), and everything below `.ssh`, `.gnupg`, `.aws`, `.azure`,
 * `.kube`, `.docker` and Starling's own `.starling`. A hard link to such a file under another name cannot be recognized.
 *
 * Throws `TypeError` when a granted path is not absolute.
 */
export function createPermissions(grants: readonly FolderGrant[]): Permissions {
  const real = grants.map(withRealPath).filter((grant) => grant !== null);
  const home = real[0]?.real ?? null;
  return {
    readable: (path) => judged(path, 'read', real, home),
    runnable: (path) => judged(path, 'run', real, home),
  };
}

function withRealPath(grant: FolderGrant): RealGrant | null {
  if (!isAbsolute(grant.path)) throw new TypeError('a granted folder must be an absolute path');
  const real = realPathOf(grant.path);
  // A grant is of a folder; a file named here would slip past the check of names below.
  return real !== null && entryAt(real)?.isDirectory() ? { ...grant, real } : null;
}

function judged(path: string, right: 'read' | 'run', grants: readonly RealGrant[], home: string | null): string {
  if (path.includes('\0')) throw notGranted(right);
  if (!isAbsolute(path) && home === null) throw notGranted(right);
  const wanted = resolve(home ?? sep, path);
  const real = realPathOf(wanted);
  const grant = grantOver(real ?? nearestReal(wanted), grants);
  if (grant === null || !grant[right]) throw notGranted(right);
  if (real === null) throw new OperationFailure('path_not_found', 'nothing is at this path in the granted folder');
  if (isSecretLike(relative(grant.real, real))) {
    throw new OperationFailure('path_not_granted', 'files that usually hold secrets are never read');
  }
  return real;
}

function notGranted(right: 'read' | 'run'): OperationFailure {
  return new OperationFailure(
    'path_not_granted',
    `this device has no folder with the ${right} permission over this path`,
  );
}

/** The most specific grant over a canonical path. */
function grantOver(real: string | null, grants: readonly RealGrant[]): RealGrant | null {
  if (real === null) return null;
  let best: RealGrant | null = null;
  for (const grant of grants) {
    if (isInside(real, grant.real) && (best === null || grant.real.length > best.real.length)) best = grant;
  }
  return best;
}

/** Whether a canonical path is a folder or lies in it; `/repo-secret` does not lie in `/repo`. */
function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The canonical path, or null when it does not exist or cannot be looked at. */
function realPathOf(path: string): string | null {
  try {
    // The native form gives the true case on file systems that ignore case; the JavaScript form does not.
    return realpathSync.native(path);
  } catch {
    return null; // Missing, a loop of links, or not ours to look at: all are answered alike, so nothing is learnt from it.
  }
}

/** What stands at a path, links not followed. */
function entryAt(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null; // As above.
  }
}

/** The canonical path of the deepest folder above a missing path, or null when a dangling link stands in the way. */
function nearestReal(path: string): string | null {
  let current = path;
  for (;;) {
    const entry = entryAt(current);
    if (entry !== null) return realPathOf(current);
    const parent = dirname(current);
    if (parent === current) return null;
    current = parent;
  }
}

const secretFolders = new Set(['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.starling']);
const secretFiles = new Set([
  '.netrc',
  '_netrc',
  '.npmrc',
  '.pypirc',
  '.pgpass',
  '.my.cnf',
  '.htpasswd',
  '.git-credentials',
  '.dockercfg',
  '.dockerconfigjson',
  '.dev.vars',
  'credentials',
]);
const secretPatterns = [
  /^\.env(?:rc)?(?:\.(?!example$|sample$|template$|dist$).*)?$/,
  /^\.dev\.vars\./,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfstate)$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:$|[._-](?!.*pub$))/,
  /^secrets?\.(?:json|ya?ml|toml|env)$/,
];

/** Whether a path, relative to its grant, names something that usually holds secrets. Case is ignored. */
function isSecretLike(path: string): boolean {
  const parts = path.toLowerCase().split(sep);
  if (parts.some((part) => secretFolders.has(part))) return true;
  const name = parts.at(-1) ?? '';
  // The remote's address in a checkout's configuration may hold a token; worktrees and submodules have it deeper.
  if (name.startsWith('config') && parts.includes('.git')) return true;
  return secretFiles.has(name) || secretPatterns.some((pattern) => pattern.test(name));
}
