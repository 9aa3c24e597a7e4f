// The Worker bundle, exactly as it deploys: wrangler builds it from wrangler.toml, and so it runs here. Kept by what went
// into it, so that a start with unchanged sources builds nothing and loads no wrangler (0.7 s).

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { type Migration, readMigrations } from './migrations.ts';
import { StartError } from './start-error.ts';

export type ModuleType = 'ESModule' | 'CompiledWasm' | 'Text' | 'Data';

/** A built Worker: its modules on disk and the bindings that wrangler.toml gives it. */
export interface Bundle {
  readonly folder: string;
  /** Module files in the folder, the main one first. */
  readonly modules: readonly { readonly file: string; readonly type: ModuleType }[];
  readonly name: string;
  /** What wrangler tells Miniflare of the Worker: bindings, objects, queues, compatibility. JSON. */
  readonly workerOptions: Readonly<Record<string, unknown>>;
  /** Migrations of the directory's database, in order. */
  readonly migrations: readonly Migration[];
}

/** What is written beside a bundle: the files it came from, with their hashes, and everything but the folder. */
interface Manifest extends Omit<Bundle, 'folder'> {
  readonly inputs: Readonly<Record<string, string>>;
}

/** Files besides the sources that decide what comes out. */
const FIXED_INPUTS = ['wrangler.toml', 'package-lock.json', 'tsconfig.json'];
/** wrangler's own rules for what a file is to the runtime. */
const MODULE_TYPES: Readonly<Record<string, ModuleType>> = {
  '.js': 'ESModule',
  '.mjs': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
  '.bin': 'Data',
};
const MAIN = 'worker.js';
/** Bundles kept: a running server may still read the one before. */
const bundlesMax = 4;

/** Gives the bundle of the sources under `root`, building it when they changed since the last time. */
export async function ensureBundle(root: string): Promise<Bundle> {
  const cache = join(root, 'node_modules', '.cache', 'starling', 'worker');
  const known = readdirIfThere(cache).map((name) => join(cache, name));
  for (const folder of known.toSorted(newestFirst)) {
    const manifest = readManifest(folder);
    if (manifest && isCurrent(root, manifest)) return { ...withoutInputs(manifest), folder };
  }
  return await build(root, cache);
}

async function build(root: string, cache: string): Promise<Bundle> {
  const draft = join(cache, `draft-${process.pid}`);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const metafile = join(draft, 'inputs.json');
  const [config] = await Promise.all([readConfig(root), bundleWithWrangler(root, draft, metafile)]);
  const manifest: Manifest = {
    ...config,
    modules: readdirSync(draft)
      .filter((file) => MODULE_TYPES[extname(file)] !== undefined)
      .toSorted((a, b) => Number(b === MAIN) - Number(a === MAIN))
      // The filter above leaves only names that are in the table.
      .map((file) => ({ file, type: MODULE_TYPES[extname(file)] as ModuleType })),
    inputs: hashInputs(root, metafile),
  };
  writeFileSync(join(draft, 'manifest.json'), JSON.stringify(manifest));
  const folder = join(cache, hash(JSON.stringify(manifest.inputs)).slice(0, 16));
  // Another process may have built the same in the meantime: either copy is as good, and one stays.
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  dropOld(cache);
  return { ...withoutInputs(manifest), folder };
}

/** Runs `wrangler deploy --dry-run`: the same code path as a deployment, ending before the upload. */
async function bundleWithWrangler(root: string, folder: string, metafile: string): Promise<void> {
  const { code, output } = await runWrangler(root, [
    'deploy',
    '--dry-run',
    `--outdir=${folder}`,
    `--metafile=${metafile}`,
  ]);
  if (code !== 0) throw new StartError(`the Worker does not build:\n${output.trim()}`);
}

/** Runs the installed wrangler and collects what it says. */
export function runWrangler(root: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const program = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, WRANGLER_HIDE_BANNER: 'true', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1', CI: 'true' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code: code ?? 1, output }));
  });
}

async function readConfig(root: string): Promise<Pick<Bundle, 'name' | 'workerOptions' | 'migrations'>> {
  const wrangler = await import('wrangler');
  const configPath = join(root, 'wrangler.toml');
  const config = wrangler.unstable_readConfig({ config: configPath }, { hideWarnings: true });
  // Secrets are the home's to give: what wrangler would take from the environment must not be written to disk here.
  const { secrets: _, ...settings } = config;
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(settings);
  const migrations = config.d1_databases[0]?.migrations_dir;
  if (config.name === undefined) throw new StartError('wrangler.toml names no Worker');
  return {
    name: config.name,
    workerOptions: plainJson({ ...workerOptions, bindings: config.vars }),
    migrations: migrations === undefined ? [] : await readMigrations(resolve(root, migrations)),
  };
}

/** The same value as JSON, or an error when JSON would lose some of it. */
function plainJson(options: object): Record<string, unknown> {
  const text = JSON.stringify(options, (key, value: unknown) => {
    if (typeof value === 'symbol' || typeof value === 'function' || typeof value === 'bigint') {
      throw new StartError(`wrangler.toml: "${key}" has no place in the kept bundle; see local/bundle.ts`);
    }
    return value;
  });
  return JSON.parse(text);
}

function hashInputs(root: string, metafile: string): Record<string, string> {
  // esbuild's metafile: `inputs` has a key for each source, relative to the working folder.
  const { inputs } = JSON.parse(readFileSync(metafile, 'utf8')) as { inputs: Record<string, unknown> };
  const sources = Object.keys(inputs).map((path) => relative(root, resolve(root, path)));
  // Text modules (SQL) come in beside esbuild's inputs.
  const migrations = readdirIfThere(join(root, 'migrations'), true).map((path) => join('migrations', path));
  const paths = [...FIXED_INPUTS, ...sources, ...migrations].filter((path) => isFile(join(root, path)));
  return Object.fromEntries(paths.toSorted().map((path) => [path, hash(readFileSync(join(root, path)))]));
}

function isCurrent(root: string, manifest: Manifest): boolean {
  return Object.entries(manifest.inputs).every(([path, wanted]) => {
    const file = join(root, path);
    return isFile(file) && hash(readFileSync(file)) === wanted;
  });
}

function readManifest(folder: string): Manifest | null {
  const path = join(folder, 'manifest.json');
  // Written by `build` of this file before the folder got its name; a draft has none yet.
  const manifest = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Manifest) : null;
  // One of an earlier version has another form.
  return manifest?.migrations === undefined ? null : manifest;
}

function withoutInputs({ inputs: _, ...rest }: Manifest): Omit<Bundle, 'folder'> {
  return rest;
}

function dropOld(cache: string): void {
  const folders = readdirSync(cache).map((name) => join(cache, name));
  for (const folder of folders.toSorted(newestFirst).slice(bundlesMax))
    rmSync(folder, { recursive: true, force: true });
}

function newestFirst(a: string, b: string): number {
  const age = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return age(b) - age(a);
}

function readdirIfThere(path: string, recursive = false): string[] {
  return existsSync(path) ? readdirSync(path, { recursive, encoding: 'utf8' }) : [];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function hash(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
