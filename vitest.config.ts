// Where each test runs: in Node, in workerd, or against the built server. `npm test` runs them all.

import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { configDefaults, defineConfig } from 'vitest/config';

// wrangler reads wrangler.toml for the tests, and would warn each time that secrets come from elsewhere.
process.env.WRANGLER_LOG ??= 'error';

/** Folders whose tests do not run in plain Node, or not with `npm test`. */
const ELSEWHERE = ['test/workers/**', 'test/conformance/**', 'test/attack/**', 'test/console/**'];
const exclude = [...configDefaults.exclude, '**/.starling/**'];

/** A busy machine is slow, and no test of ours is meant to find that out. */
const PATIENT = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // A project whose tests are yet to be written is no failure; test/tidy says which rules lack one.
    passWithNoTests: true,
    // More would only take turns on the two cores of a small machine, and workerd needs one of them.
    maxWorkers: 2,
    projects: [
      { test: { ...PATIENT, name: 'node', include: ['test/**/*.test.ts'], exclude: [...exclude, ...ELSEWHERE] } },
      {
        // The Worker as wrangler.toml describes it.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { bindings: { STARLING_SECRET: 'a-secret-for-tests-of-32-bytes-or-more' } },
          }),
        ],
        test: {
          ...PATIENT,
          name: 'workers',
          include: ['test/workers/*.test.ts'],
          exclude: [...exclude, 'test/workers/squad*.test.ts'],
        },
      },
      {
        // The real squad beside a swarm that the test scripts.
        plugins: [
          cloudflareTest({
            main: 'test/workers/fixtures/squad-worker.ts',
            miniflare: {
              compatibilityDate: '2026-11-01',
              compatibilityFlags: ['nodejs_compat'],
              durableObjects: {
                SQUAD: { className: 'CountedSquad', useSQLite: true },
                SWARM: { className: 'SwarmDouble', useSQLite: true },
              },
              queueProducers: { TELEMETRY: 'telemetry' },
              queueConsumers: { telemetry: { maxBatchTimeout: 0 } },
            },
          }),
        ],
        test: { ...PATIENT, name: 'squad', include: ['test/workers/squad*.test.ts'], exclude },
      },
      {
        // Black box, over HTTP and sockets; its tests share one server, so they take turns.
        test: {
          ...PATIENT,
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          exclude,
          globalSetup: './local/conformance-setup.ts',
          fileParallelism: false,
        },
      },
      {
        // Black box too, and hostile. `npm run attack` runs them whole.
        test: {
          ...PATIENT,
          name: 'attack',
          include: ['test/attack/**/*.test.ts'],
          exclude,
          globalSetup: './local/conformance-setup.ts',
          fileParallelism: false,
          testTimeout: process.env.STARLING_ATTACK === 'whole' ? 600_000 : 60_000,
        },
      },
    ],
  },
});
