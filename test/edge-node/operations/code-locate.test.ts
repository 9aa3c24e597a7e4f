import { describe, expect, test } from 'vitest';
import { codeLocate } from '../../../edge-node/src/operations/code-locate.ts';
import { outputBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { aContext, aFolder, anAbortedContext } from './a-folder.ts';

type Files = Readonly<Record<string, string>>;

async function locate(files: Files, symbol: string) {
  const found = await codeLocate.run({ path: '.', symbol }, aContext(aFolder(files)));
  expect(codeLocate.output.safeParse(found).success).toBe(true);
  return {
    definitions: (found.definitions ?? []).map(
      ({ file, line, column, kind, name }) => `${file}:${line}:${column} ${kind} ${name}`,
    ),
    references: (found.references ?? []).map(({ file, line, column, by }) => `${file}:${line}:${column} ${by}`),
  };
}

async function ranked(files: Files, mostReferenced = 10): Promise<string[]> {
  const found = await codeLocate.run({ path: '.', mostReferenced }, aContext(aFolder(files)));
  expect(codeLocate.output.safeParse(found).success).toBe(true);
  return (found.mostReferenced ?? []).map(
    (s) => `${s.references} in ${s.files}: ${s.kind} ${s.name} ${s.file}:${s.line} ${s.by}`,
  );
}

describe('code.locate of a symbol in TypeScript', () => {
  test('finds its definition, and its uses in its file and through imports', async () => {
    const files = {
      'core/add.ts': 'export function add(a: number): number {\n  return a > 9 ? a : add(a + 1);\n}\n',
      'app.ts': "import { add } from './core/add.ts';\nconst three = add(2);\nexport { add };\n",
    };
    expect(await locate(files, 'add')).toEqual({
      definitions: ['core/add.ts:1:17 function add'],
      references: ['app.ts:1:10 import', 'app.ts:2:15 import', 'app.ts:3:10 import', 'core/add.ts:2:22 scope'],
    });
  });

  test.each([
    ['a parameter', 'function f(add: number) { return add; }'],
    ['a default and rest parameter', 'const f = (a = 1, ...add: number[]) => add;'],
    ['a parameter pattern', 'function f({ x: add, y: [z = add] }: T) { return add + z; }'],
    ['a variable in a block', '{ const add = 1; use(add); }'],
    ['a variable bound after its use', 'function f() { use(add); var add = 1; }'],
    ['a loop variable', 'for (const add of all) use(add);'],
    ['a caught error', 'try { f(); } catch (add) { use(add); }'],
    ['a function in a function', 'function f() { function add() {} add(); }'],
    ['a named function expression', 'const f = function add() { add(); };'],
    ['a type parameter', 'type T<add> = add[]; function f<add>(a: add): add { return a; }'],
    ['a property', 'const o = { add: 1 }; o.add; class K { add = 1 } type P = { add: string };'],
    ['a label or string', "add: for (;;) break add; const s = 'add';"],
  ])('is not confused by %s of the same name', async (_, text) => {
    const files = { 'add.ts': 'export const add = 1;', 'b.ts': text };
    const { references } = await locate(files, 'add');
    // Properties are matched by name when the symbol is a member somewhere; nothing else may be.
    expect(references.filter((reference) => !reference.endsWith('name'))).toEqual([]);
    if (!text.includes('class K')) expect(references).toEqual([]);
  });

  test('two symbols of one name are told apart by what is imported', async () => {
    const files = {
      'a/decide.ts': 'export function decide() {}',
      'b/decide.ts': 'export function decide() {}\ndecide();',
      'use-a.ts': "import { decide } from './a/decide';\ndecide();",
    };
    expect(await ranked(files)).toEqual([
      '2 in 1: function decide a/decide.ts:1 import',
      '1 in 1: function decide b/decide.ts:1 import',
    ]);
  });

  test.each([
    ['another name', "import { add as plus } from './add.ts';\nplus();", ['use.ts:1:10', 'use.ts:2:1']],
    ['a namespace', "import * as all from './add.ts';\nall.add();\nfunction f(all: T) { all.add(); }", ['use.ts:2:5']],
    ['a default', "import add from './add.ts';\nadd();", ['use.ts:1:8', 'use.ts:2:1']],
    ['the name of the compiled file', "import { add } from './add.js';\nadd();", ['use.ts:1:10', 'use.ts:2:1']],
    ['a name without extension', "import { add } from './add';\nadd();", ['use.ts:1:10', 'use.ts:2:1']],
    ['a mapped path', "import { add } from '@/add';\nadd();", ['use.ts:1:10', 'use.ts:2:1']],
    ['a re-export', "import { add } from './index.ts';\nadd();", ['index.ts:1:10', 'use.ts:1:10', 'use.ts:2:1']],
    ['a re-export of all', "import { add } from './all';\nadd();", ['use.ts:1:10', 'use.ts:2:1']],
    ['a package of that name', "import { add } from 'add';\nadd();", []],
    ['require', "const { add } = require('./add');\nadd();", ['use.ts:1:9', 'use.ts:2:1']],
    ['require of everything', "const all = require('./add');\nall.add();", ['use.ts:2:5']],
    ['a type', "import type { add } from './add.ts';\nlet a: typeof add;", ['use.ts:1:15', 'use.ts:2:15']],
  ])('is followed through an import as %s', async (how, text, expected) => {
    const files: Record<string, string> = {
      'add.ts': how === 'a default' ? 'export default function add() {}' : 'export function add() {}',
      'use.ts': text,
    };
    if (text.includes('./index')) files['index.ts'] = "export { add } from './add.ts';";
    if (text.includes('./all')) files['all/index.ts'] = "export * from '../add';\nexport * from './all';";
    const { definitions, references } = await locate(files, 'add');
    expect(definitions).toHaveLength(1);
    expect(references).toEqual(expected.map((place) => `${place} import`));
  });

  test('re-exports that go round in a circle end', async () => {
    const files = {
      'a.ts': "export * from './b';\nexport { x } from './b';",
      'b.ts': "export * from './a';\nexport { x } from './a';",
      'c.ts': "import { x } from './a';\nx();",
    };
    expect(await locate(files, 'x')).toEqual({ definitions: [], references: [] });
  });

  test('a method is found by its name, or with its class', async () => {
    const files = {
      'k.ts': 'export class K {\n  run() {}\n}\nclass L {\n  run() {}\n}\n',
      'use.ts': 'k.run();\nrun();\n',
    };
    expect(await locate(files, 'run')).toEqual({
      definitions: ['k.ts:2:3 method K.run', 'k.ts:5:3 method L.run'],
      references: ['use.ts:1:3 name', 'use.ts:2:1 name'],
    });
    expect(await locate(files, 'K.run')).toEqual({
      definitions: ['k.ts:2:3 method K.run'],
      references: ['use.ts:1:3 name'],
    });
  });

  test('members of interfaces and enums are definitions', async () => {
    const files = { 'a.ts': 'export interface I {\n  size: number;\n}\nenum E { size }\nuse(i.size);\n' };
    expect(await locate(files, 'size')).toEqual({
      definitions: ['a.ts:2:3 member size', 'a.ts:4:10 member size'],
      references: ['a.ts:5:7 name'],
    });
  });

  test('says where it looked by line', async () => {
    const found = await codeLocate.run(
      { path: '.', symbol: 'a' },
      aContext(aFolder({ 'a.ts': '// é🐦\n  const a = 1; use(a);' })),
    );
    expect(found).toMatchObject({
      symbol: 'a',
      definitions: [{ line: 2, column: 9, text: 'const a = 1' }],
      references: [{ line: 2, column: 20, by: 'scope', text: 'const a = 1; use(a);' }],
      totals: { definitions: 1, references: 1, filesRead: 1 },
    });
    expect(found.method).toContain('scopes approximated');
  });
});

describe('code.locate in other languages', () => {
  test.each([
    [
      'Python',
      'a.py',
      'def add(x):\n    return add(x)\n\ndef other(add):\n    return add\n\nf(add=1)\nm.add(2)\n',
      ['1:5 function add'],
      ['2:12', '8:3'],
    ],
    [
      'Go',
      'a.go',
      'package p\nfunc add(x int) int { return add(x) }\nfunc other(add int) int { return add }\n',
      ['2:6 function add'],
      ['2:30'],
    ],
    [
      'Rust',
      'a.rs',
      'fn add(x: u8) -> u8 { add(x) }\nfn other(add: u8) -> u8 { let add = add; add }\nfn third() { m::add(1); }\n',
      ['1:4 function add'],
      ['1:23', '3:17'],
    ],
    [
      'Java',
      'K.java',
      'class K {\n  int add(int x) { return add(x); }\n  int other(int add) { return add; }\n}\n',
      ['2:7 method K.add'],
      ['2:27'],
    ],
  ])('%s goes by the name, without parameters and local variables', async (_, file, text, definitions, references) => {
    expect(await locate({ [file]: text }, 'add')).toEqual({
      definitions: definitions.map((definition) => `${file}:${definition}`),
      references: references.map((reference) => `${file}:${reference} name`),
    });
  });

  test('symbols of other languages are ranked by name', async () => {
    const files = { 'a.py': 'def used(): pass\ndef unused(): pass\n', 'b.py': 'from a import used\nused()\nused()\n' };
    expect(await ranked(files)).toEqual(['2 in 1: function used a.py:1 name']);
  });
});

describe('code.locate of the most referenced symbols', () => {
  const files = {
    'result.ts': 'export const ok = 1;\nexport const err = 2;\nexport const never = 3;\n',
    'a.ts': "import { err, ok } from './result';\nok; ok; err;\nfunction local() {}\nlocal();\n",
    'b.ts': "import * as result from './result';\nresult.ok;\n",
  };

  test('counts imports and uses, by the declaration they mean', async () => {
    expect(await ranked(files)).toEqual([
      '4 in 2: constant ok result.ts:1 import',
      '2 in 1: constant err result.ts:2 import',
      '1 in 1: function local a.ts:3 import',
    ]);
  });

  test('gives no more than asked for, the most first', async () => {
    expect(await ranked(files, 1)).toEqual(['4 in 2: constant ok result.ts:1 import']);
  });

  test('the references counted are the references found', async () => {
    const { references } = await locate(files, 'ok');
    expect(references).toHaveLength(4);
  });
});

describe('code.locate', () => {
  test.each([
    ['neither symbol nor mostReferenced', { path: '.' }],
    ['both', { path: '.', symbol: 'a', mostReferenced: 1 }],
    ['a symbol that is no name', { path: '.', symbol: 'a b' }],
    ['an empty symbol', { path: '.', symbol: '' }],
    ['a pattern', { path: '.', symbol: '.*' }],
    ['too many', { path: '.', mostReferenced: 201 }],
  ])('%s is refused', (_, input) => {
    expect(codeLocate.input.safeParse(input).success).toBe(false);
  });

  test('a symbol used very often gives a small result, and says what it left out', async () => {
    const folder = aFolder({ 'a.ts': `const x = 1;\n${'use(x, x, x, x);\n'.repeat(3_000)}` });
    const found = await codeLocate.run({ path: '.', symbol: 'x' }, aContext(folder));
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThanOrEqual(outputBytesMax);
    expect(found.totals.references).toBe(12_000);
    expect((found.references?.length ?? 0) + found.omitted).toBe(12_000);
  });

  test('a folder outside the grant is refused', async () => {
    const outside = codeLocate.run({ path: '/usr', symbol: 'a' }, aContext(aFolder()));
    await expect(outside).rejects.toMatchObject({ code: 'path_not_granted' });
  });

  test('an aborted run rejects with the reason', async () => {
    const reason = new Error('cancelled');
    const context = anAbortedContext(aFolder({ 'a.ts': 'a', 'b.ts': 'a' }), reason);
    await expect(codeLocate.run({ path: '.', symbol: 'a' }, context)).rejects.toBe(reason);
  });
});
