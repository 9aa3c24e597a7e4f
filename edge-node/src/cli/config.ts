// Which server, with which key: ~/.starling/config.json, for its owner alone, under the environment.

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { err, ok, type Result } from '../../../core/result.ts';
import { readPrivateFile, writePrivateFile } from '../home.ts';

/** Where the local server answers. */
export const urlDefault = 'http://localhost:8787';

const config = z.object({
  url: z.string(),
  key: z
    .object({ id: z.string().nullable(), secret: z.string(), madeBy: z.enum(['signup', 'login', 'hand']) })
    .nullable(),
  tenant: z.string().nullable().default(null),
  swarm: z.string().nullable().default(null),
});
export type Config = z.infer<typeof config>;

type Env = Readonly<Record<string, string | undefined>>;

export function configPath(env: Env): string {
  return env.STARLING_CONFIG ?? join(homedir(), '.starling', 'config.json');
}

/** What is stored; nothing is stored at first. */
export function readConfig(env: Env): Result<Config, string> {
  const path = configPath(env);
  const text = readPrivateFile(path);
  if (text === null) return ok({ url: urlDefault, key: null, tenant: null, swarm: null });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err(`${path} is not JSON`);
  }
  const parsed = config.safeParse(value);
  return parsed.success ? ok(parsed.data) : err(`${path} does not hold what \`starling login\` writes there`);
}

export function writeConfig(env: Env, value: Config): void {
  const path = configPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** The server to call: a flag, then STARLING_URL, then what is stored. Null when it is no http(s) address. */
export function serverUrl(flag: string | undefined, env: Env, stored: Config): string | null {
  const text = flag ?? env.STARLING_URL ?? stored.url;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  return url.origin;
}

/**
 * The key to call it with: STARLING_API_KEY, else the stored one, which is only for the server it was made by.
 */
export function apiKey(url: string, env: Env, stored: Config): string | null {
  if (env.STARLING_API_KEY) return env.STARLING_API_KEY;
  return stored.key !== null && stored.url === url ? stored.key.secret : null;
}
