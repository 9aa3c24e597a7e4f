// Each rule of the house is shown a violation, and the same thing done right.

import { expect, test } from 'vitest';
import { purityViolations } from './core-rules.ts';
import { linkViolations, ruleViolations } from './docs-rules.ts';
import {
  lockGaps,
  lockViolations,
  machineViolations,
  nameViolations,
  noteViolations,
  switchViolations,
} from './file-rules.ts';
import { cycles, directionViolations } from './import-rules.ts';
import type { SourceFile } from './repository.ts';

function file(path: string, ...lines: string[]): SourceFile {
  return { path, text: `${lines.join('\n')}\n` };
}

test.each([
  ['core/a.ts', `import { x } from '../functions/b.ts';`, 'core/ may not import functions/ (../functions/b.ts)'],
  ['core/a.ts', `import type { X } from '../local/b.ts';`, 'core/ may not import local/ (../local/b.ts)'],
  ['core/a.ts', `export * from 'hono';`, 'core/ may not import hono'],
  ['core/a.ts', `import fs from 'node:fs';`, 'core/ may not import node:fs'],
  ['core/a.ts', `type X = import('jose').JWK;`, 'core/ may not import jose'],
  ['core/wire/a.ts', `const x = import('@scope/p/q');`, 'core/ may not import @scope/p/q'],
  [
    'durable-objects/swarm/a.ts',
    `import '../../functions/a.ts';`,
    'durable-objects/ may not import functions/ (../../functions/a.ts)',
  ],
  [
    'functions/a.ts',
    `export { S } from '../durable-objects/s.ts';`,
    'functions/ may not import durable-objects/ (../durable-objects/s.ts)',
  ],
  ['edge-node/src/a.ts', `import '../../local/a.ts';`, 'edge-node/ may not import local/ (../../local/a.ts)'],
  ['functions/a.ts', `import { connect } from 'cloudflare:sockets';`, 'cloudflare:sockets is not used here'],
])('an import against the table is found: %s %s', (path, line, what) => {
  expect(directionViolations([file(path, '// first line', line)])).toEqual([`${path}:2: ${what}`]);
});

test('a folder that the architecture does not know is found', () => {
  expect(directionViolations([file('shared/a.ts', '')])).toEqual([
    'shared/a.ts: shared/ is no folder of the architecture',
  ]);
});

test('imports with the table, in comments and in strings are no violation', () => {
  const core = [`import { z } from 'zod';`, `import { createHash } from 'node:crypto';`, `import './b.ts';`];
  const not = [`// import 'hono';`, `const s = "import 'hono'";`, '/* from "../functions/a.ts" */'];
  const files = [
    file('core/a.ts', ...core, ...not),
    file('functions/worker.ts', `export { S } from '../durable-objects/s.ts';`, `import '../core/a.ts';`),
    file('local/a.ts', `import '../functions/worker.ts';`, `import 'miniflare';`),
    file('test/core/a.test.ts', `import '../../functions/worker.ts';`),
    file('vitest.config.ts', `import './local/a.ts';`),
  ];
  expect(directionViolations(files)).toEqual([]);
});

test('a circle of imports is found once, also through types and re-exports', () => {
  const files = [
    file('core/a.ts', `import { b } from './b.ts';`),
    file('core/b.ts', `export * from './deep/c.ts';`),
    file('core/deep/c.ts', `import type { A } from '../a.ts';`),
    file('core/d.ts', `import './a.ts';`, `import './b.ts';`),
  ];
  expect(cycles(files)).toEqual(['core/a.ts → core/b.ts → core/deep/c.ts → core/a.ts']);
});

test('two ways to one file are no circle', () => {
  const files = [
    file('core/a.ts', `import './b.ts';`, `import './c.ts';`),
    file('core/b.ts', `import './c.ts';`),
    file('core/c.ts', ''),
  ];
  expect(cycles(files)).toEqual([]);
});

test.each([
  ['const t = Date.now();', 'Date.now'],
  ['const t = new Date();', 'new Date()'],
  ['const n = Math.random();', 'Math.random'],
  ['const id = crypto.randomUUID();', 'crypto.randomUUID'],
  [`import { randomBytes } from 'node:crypto';`, 'randomBytes'],
  [`import { randomUUID as id } from 'node:crypto';`, 'randomUUID'],
  [`const r = fetch('/');`, 'fetch'],
  ['export async function f() {}', 'async functions'],
  ['const f = async () => 1;', 'async functions'],
  ['await 1;', 'await'],
  ['export {}; for await (const x of y) z(x);', 'await'],
  [`console.log('x');`, 'console'],
  ['setTimeout(f, 1);', 'setTimeout'],
  ['const p = process.env;', 'process'],
  [`const m = import('./b.ts');`, 'import()'],
])('in the core this is found: %s', (line, what) => {
  expect(purityViolations([file('core/a.ts', line)])).toEqual([`core/a.ts:1: core has no ${what}`]);
});

test('what only looks impure, or stands elsewhere, is no violation', () => {
  const lines = [
    '// await Date.now() and Math.random()',
    `const s = 'fetch(Date.now())';`,
    'const d = new Date(at);',
    'const x = deps.fetch(read.console);',
    'const m = Math.max(1, Date.UTC(2026, 0));',
  ];
  expect(purityViolations([file('core/a.ts', ...lines), file('functions/a.ts', 'await fetch(Date.now());')])).toEqual(
    [],
  );
});

test('names that say nothing are found, and names that say something are not', () => {
  const bad = ['core/utils.ts', 'functions/helpers/a.ts', 'core/wire/common.ts', 'edge-node/src/session-manager.ts'];
  const good = ['core/utilization.ts', 'core/commonness.ts', 'edge-node/src/helper-agents.ts', 'docs/utils.md'];
  const found = nameViolations([...bad, ...good].map((path) => file(path, '')));
  expect(found).toEqual(bad.map((path) => `${path}: a name that does not say what is inside`));
});

test('notes to oneself are found in code and pages', () => {
  const note = ['TO', 'DO'].join('');
  const files = [
    file('core/a.ts', '', `// ${note}: later`),
    file('docs/a.md', `- ${note}`),
    file('core/b.ts', `${note}S`),
  ];
  expect(noteViolations(files)).toEqual([`core/a.ts:2: "${note}"`, `docs/a.md:1: "${note}"`]);
});

test('the path of this checkout is found, and paths that only look like it are not', () => {
  const files = [
    file('docs/a.md', 'see', '`/srv/star/core`'),
    file('docs/b.md', 'core/srv/star x/srv/star /srv/starling'),
  ];
  expect(machineViolations(files, '/srv/star')).toEqual(['docs/a.md:2: a path of one machine']);
});

test('tests that are switched off are found', () => {
  const lines = [`test.skip('a');`, `describe.concurrent.only('b');`, `it.todo('c');`, `xit('d');`, `list.skip(1);`];
  const found = switchViolations([file('test/core/a.test.ts', ...lines), file('core/a.ts', `test.skip('a');`)]);
  const place = 'test/core/a.test.ts';
  expect(found).toEqual([`${place}:1: .skip`, `${place}:2: .only`, `${place}:3: .todo`, `${place}:4: xit`]);
});

test('links that lead nowhere are found', () => {
  const files = [
    file(
      'docs/a.md',
      '# One',
      '[gone](gone.md) [there](b.md) [up](../README.md#the-start) [folder](spec/)',
      '[no heading](b.md#nowhere) [here](#one) [not here](#two) [out](https://example.com/x) [page](/docs)',
      '`[code](nowhere.md)`',
      '```',
      '[code](nowhere.md)',
      '```',
      '[ref]: nowhere.md',
    ),
    file('docs/b.md', '# Two', '## Two'),
    file('docs/spec/c.md', '[second of a name](../b.md#two-1)'),
    file('README.md', '## The start!'),
  ];
  expect(linkViolations(files)).toEqual([
    'docs/a.md:2: no such file: gone.md',
    'docs/a.md:3: no such heading: b.md#nowhere',
    'docs/a.md:3: no such heading: #two',
    'docs/a.md:8: no such file: nowhere.md',
  ]);
});

test('rules without tests, titles without rules and pages without rules are found', () => {
  const files = [
    file('docs/spec/lease.md', '- **[LEASE-1]** held by one', '- **[LEASE-2]** ends', '- see [LEASE-1]', '`[LEASE-9]`'),
    file('docs/spec/empty.md', '# Nothing yet'),
    file('test/core/a.test.ts', `test('[LEASE-1] one holds it', () => {});`, `it.each([1])('[LEASE-3] %s', f);`),
  ];
  expect(ruleViolations(files)).toEqual([
    'docs/spec/empty.md: lists no rule',
    'test/core/a.test.ts:2: LEASE-3 is listed in no page of docs/spec',
    'docs/spec/lease.md:2: LEASE-2 has no test that carries its id',
  ]);
});

test('rules with tests are no violation, whichever way the test is written', () => {
  const files = [
    file('docs/spec/lease.md', '| [LEASE-1] | a |', '| [LEASE-2] | b |', '| [LEASE-3] | c |'),
    file(
      'test/core/a.test.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a test
      'test(`[LEASE-1] after ${ms} ms`, f);',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a test
      "test.each`a ${1}`('[LEASE-2] $a', f);",
      `describe('[LEASE-3] ends', () => {});`,
    ),
  ];
  expect(ruleViolations(files)).toEqual([]);
});

test('a folder of the specification without a page is found', () => {
  expect(ruleViolations([file('docs/spec/a.json', '{}')])).toEqual(['docs/spec: no page in it']);
});

test('download addresses in a lock file are found, and links to workspaces are not', () => {
  const text = ['{', '"resolved": "edge-node",', `"resolved": "${'https:'}//registry.example/a.tgz"`, '}'];
  expect(lockViolations([file('package-lock.json', ...text)])).toEqual(['package-lock.json:3: a download address']);
});

test('packages of other platforms that a lock file lacks are found, nested ones too', () => {
  const packages = {
    '': { optionalDependencies: { 'node-x': '1' } },
    'node_modules/node-x': {},
    'node_modules/a': { optionalDependencies: { 'a-mac': '1', 'a-win': '1' } },
    'node_modules/a-mac': {},
    'node_modules/b/node_modules/a': { optionalDependencies: { 'a-mac': '2', 'a-arm': '2' } },
    'node_modules/b/node_modules/a-arm': {},
  };
  expect(lockGaps([file('package-lock.json', JSON.stringify({ packages }))])).toEqual([
    'package-lock.json: node_modules/a may need a-win, which is not locked',
  ]);
});
