// `npm run deploy`: Cloudflare in one command. Makes what the account lacks, brings the directory up to date, uploads.
// `npm run deploy -- --dry-run` builds and measures the Worker, without an account and without a network.
//
// The order matters: queues and database exist before a Worker names them, and new code finds its new tables. Old code
// runs on the new tables for a moment, so a migration only adds.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureBundle, runWrangler } from './bundle.ts';
import { claimFolder } from './home-folder.ts';
import { StartError } from './start-error.ts';

const root = dirname(import.meta.dirname);
const DATABASE = 'starling-directory';
const SECRET = 'STARLING_SECRET';
/** Isolates start faster the less there is to read; Cloudflare itself refuses far later. */
const bundleGzipBytesMax = 1024 * 1024;

/** Builds the bundle as it deploys and tells its size. */
async function measure(): Promise<void> {
  const bundle = await ensureBundle(root);
  const sizes = bundle.modules.map(({ file }) => gzipSync(readFileSync(join(bundle.folder, file))).length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  say(`the Worker is ${(bytes / 1024).toFixed(0)} KiB compressed (limit ${bundleGzipBytesMax / 1024} KiB)`);
  if (bytes > bundleGzipBytesMax) throw new StartError('the Worker is too large to start fast; see what it imports');
}

/** Says what to do when nobody is logged in, before anything is made. */
async function requireLogin(): Promise<void> {
  const { code } = await runWrangler(root, ['whoami', '--json']);
  if (code === 0) return;
  throw new StartError(
    'no Cloudflare account. Either run `npx wrangler login` (a browser opens), or set CLOUDFLARE_API_TOKEN (template ' +
      '"Edit Cloudflare Workers", plus D1 and Queues edit) and CLOUDFLARE_ACCOUNT_ID; then run this again',
  );
}

async function makeQueues(): Promise<void> {
  const { unstable_readConfig: readConfig } = await import('wrangler');
  const { queues } = readConfig({ config: join(root, 'wrangler.toml') }, { hideWarnings: true });
  const named: readonly { queue?: unknown }[] = [...(queues.producers ?? []), ...(queues.consumers ?? [])];
  for (const queue of new Set(named.map((entry) => entry.queue))) {
    if (typeof queue !== 'string') continue;
    const { code } = await runWrangler(root, ['queues', 'info', queue]);
    if (code !== 0) await must(['queues', 'create', queue]);
  }
}

async function migrate(): Promise<void> {
  const { code } = await runWrangler(root, ['d1', 'info', DATABASE, '--json']);
  if (code !== 0) await must(['d1', 'create', DATABASE]);
  await must(['d1', 'migrations', 'apply', DATABASE, '--remote']);
}

/** Uploads the Worker; the first time with a new master secret, of which the operator gets a copy to keep. */
async function upload(): Promise<void> {
  const { code, output } = await runWrangler(root, ['secret', 'list', '--format=json']);
  if (code === 0 && output.includes(`"${SECRET}"`)) return await must(['deploy']);
  const folder = mkdtempSync(join(tmpdir(), 'starling-deploy-'));
  try {
    const file = join(folder, 'secrets.json');
    writeFileSync(file, JSON.stringify({ [SECRET]: keptSecret() }), { mode: 0o600 });
    await must(['deploy', `--secrets-file=${file}`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The secret of the deployed platform: Cloudflare never shows it again, and all keys depend on it. */
function keptSecret(): string {
  const path = join(claimFolder(resolve(root, process.env.STARLING_HOME || '.starling')), 'cloudflare-secret');
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    say(`made the master secret; a copy is in ${path}: keep it safe, a new one would end every API key`);
  }
  return readFileSync(path, 'utf8').trim();
}

/** Runs wrangler with its output shown, and stops everything when it fails. */
async function must(args: readonly string[]): Promise<void> {
  say(`wrangler ${args.map((arg) => arg.replace(/^(--secrets-file=).*/, '$1…')).join(' ')}`);
  const program = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js');
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' });
  const code = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  if (code !== 0) throw new StartError(`wrangler ${args[0]} failed; nothing after it was done. It can be run again`);
}

function say(message: string): void {
  process.stdout.write(`deploy: ${message}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const isDry = args.includes('--dry-run');
  const unknown = args.find((arg) => arg !== '--dry-run');
  if (unknown !== undefined) throw new StartError(`unknown argument ${unknown}; there is only --dry-run`);
  await measure();
  if (isDry) return say('dry run: built, nothing uploaded');
  await requireLogin();
  await makeQueues();
  await migrate();
  await upload();
  say('done; wrangler has printed the address');
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`deploy: ${text}\n`);
  process.exitCode = 1;
});
