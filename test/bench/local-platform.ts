// A platform of its own for a benchmark: the built server in a temporary home, with a tenant that signed up.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../../local/local-tenant.ts';
import { type Platform, type PlatformOptions, startPlatform } from '../../local/platform.ts';

/** A temporary folder that is gone when `work` is done. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The platform in this home, for as long as `work` lasts. */
export async function onPlatform<T>(
  home: string,
  work: (platform: Platform) => Promise<T>,
  options: Pick<PlatformOptions, 'bindings'> = {},
): Promise<T> {
  const platform = await startPlatform({ home, port: 0, ...options });
  try {
    return await work(platform);
  } finally {
    await platform.dispose();
  }
}

export interface Tenant {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
}

export async function signUp(url: string): Promise<Tenant> {
  const name = randomUUID();
  const [email, password] = [`${name}@example.com`, `a pass phrase of ${name}`];
  const body = { email, password, organization: name };
  const made = (await call(url, '/v1/signup', { body })) as { apiKey: { secret: string } };
  return { email, password, apiKey: made.apiKey.secret };
}
