// The built server for test/conformance and test/attack: for each a platform on a free port with a home of its own, for the
// whole run.
// Tests reach it with `inject('platform')`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPlatform } from './platform.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the platform under test answers, and the folder of its data. */
    platform: { readonly url: string; readonly home: string };
  }
}

/** Called by Vitest before the first test of the project; what it returns is called after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'starling-conformance-'));
  const platform = await startPlatform({
    home,
    port: 0,
    // Receivers of webhooks stand on this machine in tests.
    allowPrivateAddresses: true,
    log: (level, message) => {
      if (level === 'error' || level === 'warn') process.stderr.write(`platform ${level}: ${message}\n`);
    },
  });
  project.provide('platform', { url: platform.url, home });
  return async () => {
    await platform.dispose();
    rmSync(home, { recursive: true, force: true });
  };
}
