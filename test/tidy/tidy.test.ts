// The rules of the house, on the whole repository. What each rule catches is shown in the files beside this one.

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
import { readRepository, root, type SourceFile } from './repository.ts';

const files = readRepository();

test('the repository is read: its core, its tests and its lock file are there', () => {
  const paths = files.map((file) => file.path);
  expect(paths).toEqual(expect.arrayContaining(['core/result.ts', 'test/tidy/tidy.test.ts', 'package-lock.json']));
});

test.each([
  ['imports go one way: core ← functions, objects, edge node; nobody imports functions', directionViolations],
  ['no import leads round to where it began', cycles],
  ['the core reads no clock, no randomness and no network, and waits for nothing', purityViolations],
  ['no file is called by a name that says nothing', nameViolations],
  ['no note to oneself is left behind', noteViolations],
  ['no path of one machine is left behind', (all: readonly SourceFile[]) => machineViolations(all, root)],
  ['no test is switched off', switchViolations],
  ['links between pages lead somewhere', linkViolations],
  ['every rule of docs/spec has a test that carries its id, and every id in a title is a rule', ruleViolations],
  ['the lock file names no registry', lockViolations],
  ['the lock file names the packages of every platform', lockGaps],
])('%s', (_, rule) => {
  expect(rule(files)).toEqual([]);
});
