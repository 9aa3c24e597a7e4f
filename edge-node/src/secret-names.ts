// Names of files and folders that usually hold secrets. A name is a guess: it finds what people keep by habit, and nothing
// that was given a harmless name. What is Starling's own is known otherwise (withheld.ts).

import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

const secretFolders = new Set([
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.starling',
  '.starling-device',
  '.password-store',
  '.gcloud',
  '.terraform.d',
  '.wrangler',
]);
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
  '.vault-token',
  '.gitconfig',
  '.yarnrc.yml',
  '.s3cfg',
  '.boto',
  '.secrets',
  'rclone.conf',
  'kubeconfig',
  'application_default_credentials.json',
  // What was typed at a prompt: passwords and tokens are among it.
  '.bash_history',
  '.zsh_history',
  '.psql_history',
  '.mysql_history',
  '.node_repl_history',
  '.python_history',
]);
const secretPatterns = [
  /^\.env(?:rc)?(?:\.(?!example$|sample$|template$|dist$).*)?$/,
  /^\.dev\.vars\./,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfstate|tfvars)$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:$|[._-](?!.*pub$))/,
  /^secrets?\.(?:json|ya?ml|toml|env)$/,
  /^\.?credentials(?:\.(?:json|ya?ml|toml|tfrc\.json))?$/,
];

/** What editors, systems and people put before and behind a name to keep a second copy of its file. */
const copyBefore = /^(?:\.?#|\._|~\$|copy of |backup of )/;
const copyBehind = new RegExp(
  [
    '(?:~|#)', // Emacs, and many others
    '\\.~\\d+~',
    '\\.sw[a-z]', // Vim
    '[._-](?:bak|backup|old|orig|original|save|saved|prev|previous|copy|tmp|temp|rej|disabled|rpmsave|rpmnew|rpmorig)\\d*',
    '[._-](?:dpkg|ucf)-(?:old|new|dist|bak|tmp)',
    '[._-]\\d[\\d._t-]*z?', // a number or a moment
    '\\.(?:gz|bz2|xz|zst|zip)',
    ' (?:copy|- copy)(?: \\d+)?',
    ' ?\\(\\d+\\)',
  ]
    .map((ending) => `${ending}$`)
    .join('|'),
);
/** Copies of copies are looked through so deep. */
const copiesMax = 4;

/** The name, and those that it may be a copy of. */
function originals(name: string): string[] {
  const names = new Set([name]);
  let now = name;
  for (let i = 0; i < copiesMax; i++) {
    const isHidden = /^\..*\.sw[a-z]$/.test(now);
    const original = now.replace(copyBefore, '').replace(copyBehind, '');
    if (original === now || original === '') break;
    names.add(original);
    // Vim's copy of a file begins with a dot, whether the file does or not.
    if (isHidden) names.add(original.slice(1));
    now = original;
  }
  return [...names];
}

/** What in a repository's own folder may hold a token: the remote's address, and programs that git runs. */
const gitNames = /^(?:config|credentials)/;

/** Whether an absolute path names something that usually holds secrets, or a copy of it. Case is ignored. */
export function isSecretLike(path: string): boolean {
  const parts = path.toLowerCase().split(sep);
  if (parts.some((part) => originals(part).some((name) => secretFolders.has(name)))) return true;
  const names = originals(parts.at(-1) ?? '');
  if (names.some((name) => secretFiles.has(name) || secretPatterns.some((pattern) => pattern.test(name)))) return true;
  const isGitName = names.some((name) => gitNames.test(name));
  const hooks = parts.lastIndexOf('hooks');
  if (!isGitName && hooks < 0) return false;
  // Each folder above it, the nearest first: worktrees and submodules have their own inside of another.
  for (let folder = dirname(path), at = parts.length - 1; at > 0; folder = dirname(folder), at--)
    if ((isGitName || hooks >= at) && isGitFolder(folder, parts[at - 1] ?? '')) return true;
  return false;
}

/** By its name, or by what it holds: a bare repository has any name, and a worktree's folder says where the rest lies. */
function isGitFolder(folder: string, name: string): boolean {
  const holds = (entry: string): boolean => existsSync(join(folder, entry));
  return name.endsWith('.git') || (holds('HEAD') && ((holds('objects') && holds('refs')) || holds('commondir')));
}
