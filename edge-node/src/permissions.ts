// Which folders of this machine an operation may read, and in which it may run the project's own programs. The device's
// owner grants them; an offer from the swarm can never widen them.

import { fstatSync, lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, resolve, sep } from 'node:path';
import { OperationFailure } from './operations/operation-failure.ts';
import { createWithholding, type Withholding } from './withheld.ts';

/** One granted folder, or one file: its absolute path, and what may be done there. */
export interface FolderGrant {
  readonly path: string;
  readonly read: boolean;
  /** Programs that a project there brings along may be run, in a sandbox. There is none yet, so this alone runs nothing. */
  readonly run: boolean;
  /** They may be run without one: they can do whatever the user may who runs the device. */
  readonly runUnconfined?: boolean;
}

/** The answer to "may I touch this path". Each throws `path_not_granted`, `path_not_found` or `run_not_confined`. */
export interface Permissions {
  /** The real absolute path. */
  readable(path: string): string;
  /** The real absolute path. */
  runnable(path: string): string;
  /** Where a path leads and that it lies in a grant: enough to open it, and not to look into what was opened. */
  located(path: string, right: Right): string;
  /** Judges what has been opened at a real path, in full, by what it is: between a check and the opening another may have come there. */
  opened(descriptor: number, real: string, right: Right): void;
}

type Right = 'read' | 'run';

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
 * What withheld.ts names is refused even inside a grant: every home of Starling, files that usually hold secrets, and files
 * that are views of the running system. A hard link to such a file under another name cannot be recognized.
 *
 * @param homes homes and files of ours that this process knows, by path
 * @throws TypeError when a granted path is not absolute
 */
export function createPermissions(grants: readonly FolderGrant[], homes: readonly string[] = []): Permissions {
  const real = grants.map(withRealPath).filter((grant) => grant !== null);
  const rules: Rules = { grants: real, home: real[0]?.real ?? null, withholding: createWithholding(homes) };
  return {
    readable: (path) => judged(path, 'read', rules),
    runnable: (path) => judged(path, 'run', rules),
    located: (path, right) => found(locate(path, right, rules)),
    opened: (descriptor, path, right) => {
      if (realPathOfOpen(descriptor, path) !== path || judged(path, right, rules) !== path)
        throw new OperationFailure('path_not_granted', 'the path changed while it was opened');
    },
  };
}

interface Rules {
  readonly grants: readonly RealGrant[];
  /** What relative paths begin at. */
  readonly home: string | null;
  readonly withholding: Withholding;
}

function withRealPath(grant: FolderGrant): RealGrant | null {
  if (!isAbsolute(grant.path)) throw new TypeError('a granted folder must be an absolute path');
  const real = realPathOf(grant.path);
  const entry = real === null ? null : entryAt(real);
  return real !== null && (entry?.isDirectory() || entry?.isFile()) ? { ...grant, real } : null;
}

interface Located {
  /** Null when nothing is there. */
  readonly real: string | null;
  /** The deepest that is there. */
  readonly nearest: string;
}

function locate(path: string, right: Right, { grants, home }: Rules): Located {
  if (path.includes('\0')) throw notGranted(right);
  if (!isAbsolute(path) && home === null) throw notGranted(right);
  const wanted = resolve(home ?? sep, path);
  const real = realPathOf(wanted);
  const nearest = real ?? nearestReal(wanted);
  const grant = grantOver(nearest, grants);
  if (nearest === null || grant === null) throw notGranted(right);
  if (right === 'run' && grant.run && !grant.runUnconfined) throw notConfined();
  if (right === 'run' ? !grant.runUnconfined : !grant.read) throw notGranted(right);
  return { real, nearest };
}

function judged(path: string, right: Right, rules: Rules): string {
  const located = locate(path, right, rules);
  const rule = rules.withholding(located.nearest);
  if (rule !== null)
    throw new OperationFailure('path_not_granted', `this device never hands out what is here (rule: ${rule})`);
  return found(located);
}

function found({ real }: Located): string {
  if (real === null) throw new OperationFailure('path_not_found', 'nothing is at this path in the granted folder');
  return real;
}

/** A grant of before, whose name did not say what it allows. */
function notConfined(): OperationFailure {
  return new OperationFailure(
    'run_not_confined',
    'this device has no sandbox: programs of a project run only where its owner has granted runUnconfined',
  );
}

function notGranted(right: Right): OperationFailure {
  const name = right === 'run' ? 'runUnconfined' : right;
  return new OperationFailure(
    'path_not_granted',
    `this device has no folder with the ${name} permission over this path`,
  );
}

/**
 * Where an open file really is. Linux says it of the descriptor itself. Elsewhere the path is looked at once more: it must still
 * lead to this very file.
 */
function realPathOfOpen(descriptor: number, path: string): string | null {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // Without /proc it is done as elsewhere.
  }
  const [open, there] = [fstatSync(descriptor, { bigint: true }), entryIdentityAt(path)];
  return there === `${open.dev}:${open.ino}` ? path : null;
}

function entryIdentityAt(path: string): string | null {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null; // It is gone: what was opened stands nowhere that could be judged.
  }
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
