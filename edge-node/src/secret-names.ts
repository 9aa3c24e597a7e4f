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
]);
const secretPatterns = [
  /^\.env(?:rc)?(?:\.(?!example$|sample$|template$|dist$).*)?$/,
  /^\.dev\.vars\./,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfstate)$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:$|[._-](?!.*pub$))/,
  /^secrets?\.(?:json|ya?ml|toml|env)$/,
  /^credentials(?:\.(?:json|ya?ml|toml|tfrc\.json))?$/,
];

/** What in a repository's own folder may hold a token: the remote's address, and programs that git runs. */
const gitNames = /^(?:config|credentials)/;

/** Whether an absolute path names something that usually holds secrets. Case is ignored. */
export function isSecretLike(path: string): boolean {
  const parts = path.toLowerCase().split(sep);
  if (parts.some((part) => secretFolders.has(part))) return true;
  const name = parts.at(-1) ?? '';
  if (secretFiles.has(name) || secretPatterns.some((pattern) => pattern.test(name))) return true;
  // Worktrees and submodules have theirs deeper; a bare repository is `name.git`, or any folder that is built like one.
  const inGit = parts.slice(0, -1).findIndex((part) => part.endsWith('.git'));
  if (inGit >= 0) return gitNames.test(name) || parts.slice(inGit + 1).includes('hooks');
  return gitNames.test(name) && isRepository(dirname(path));
}

function isRepository(folder: string): boolean {
  return existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects')) && existsSync(join(folder, 'refs'));
}
