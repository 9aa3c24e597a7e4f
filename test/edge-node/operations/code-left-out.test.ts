// What an outline or a search once left out without a word: symbols under conditions, in inline modules, with names in other
// scripts, in folders called `build`.

import { describe, expect, test } from 'vitest';
import { codeLocate } from '../../../edge-node/src/operations/code-locate.ts';
import { codeOutline } from '../../../edge-node/src/operations/code-outline.ts';
import { aContext, aFolder } from './a-folder.ts';

async function outlined(file: string, text: string) {
  const { files } = await codeOutline.run({ path: '.', exportedOnly: false }, aContext(aFolder({ [file]: text })));
  return files[0]?.declarations ?? [];
}

async function named(file: string, text: string): Promise<string[]> {
  return (await outlined(file, text)).map(({ name }) => name);
}

async function exported(file: string, text: string): Promise<string[]> {
  return (await outlined(file, text)).flatMap(({ name, exported }) => (exported ? [name] : []));
}

async function located(files: Readonly<Record<string, string>>, symbol: string) {
  const found = await codeLocate.run({ path: '.', symbol }, aContext(aFolder(files)));
  const lines = (places: readonly { readonly line: number }[] = []) => places.map(({ line }) => line);
  return { definitions: lines(found.definitions), references: lines(found.references) };
}

describe('Python', () => {
  const conditional = `import os
try:
    from fast import loads
except ImportError:
    def loads(x):
        return x

if os.name == "nt":
    def bypass(host): return True
else:
    def bypass(host): return False

a, (b, *c) = 1, (2, 3)
d = e = 4
with open("x") as f:
    limit: int = 1
match a:
    case 1:
        class Inside:
            if True:
                def m(self): ...
                class Deeper: ...
type Alias[T] = list[T]

def use(h):
    return bypass(h), loads(h)
`;

  test('declarations under conditions, in try, with and match are declarations', async () => {
    expect(await named('a.py', conditional)).toEqual([
      'loads',
      'bypass',
      'bypass',
      'a',
      'b',
      'c',
      'd',
      'e',
      'limit',
      'Inside',
      'Inside.m',
      'Inside.Deeper',
      'Alias',
      'use',
    ]);
  });

  test('they are found where they stand', async () => {
    expect(await located({ 'a.py': conditional }, 'bypass')).toEqual({ definitions: [9, 11], references: [26] });
    expect((await located({ 'a.py': conditional }, 'loads')).definitions).toEqual([5]);
  });

  test('__all__ may be added to', async () => {
    const text = '__all__ = ["a"]\nif True:\n    __all__ += ["b"]\na = 1\nb = 2\nc = 3\n';
    expect(await exported('a.py', text)).toEqual(['a', 'b']);
  });
});

describe('Rust', () => {
  const inline = `pub mod inner {
    pub fn deep() {}
    pub struct In;
    impl In { pub const ONE: u8 = 1; pub fn m(&self) {} fn own(&self) {} }
    mod hidden { pub fn lost() {} }
}
extern "C" {
    pub fn ext(a: i32) -> i32;
}
#[macro_export]
#[doc(hidden)]
macro_rules! m2 { () => {} }
pub fn go() { inner::deep() }
`;

  test('inline modules and foreign functions are read, and known as far as their modules are', async () => {
    expect(await named('a.rs', inline)).toEqual([
      'inner',
      'inner.deep',
      'inner.In',
      'inner.In.ONE',
      'inner.In.m',
      'inner.In.own',
      'inner.hidden',
      'inner.hidden.lost',
      'ext',
      'm2',
      'go',
    ]);
    expect(await exported('a.rs', inline)).toEqual([
      'inner',
      'inner.deep',
      'inner.In',
      'inner.In.ONE',
      'inner.In.m',
      'ext',
      'm2',
      'go',
    ]);
  });

  test('what stands in a module is found by its plain name', async () => {
    expect(await located({ 'a.rs': inline }, 'deep')).toEqual({ definitions: [2], references: [13] });
  });

  test('a raw identifier is the name', async () => {
    const files = { 'a.rs': 'pub fn r#match(x: i32) -> i32 { x }\npub fn go() -> i32 { r#match(1) }\n' };
    const found = { definitions: [1], references: [2] };
    expect(await located(files, 'match')).toEqual(found);
    expect(await located(files, 'r#match')).toEqual(found);
  });
});

test('Go: a comma and a blank are no constants', async () => {
  expect(await named('a.go', 'package g\n\nconst (\n\tA, B = 1, 2\n)\n\nvar _, C = f()\n')).toEqual(['A', 'B', 'C']);
});

test('TypeScript: keys and defaults of a pattern bind nothing', async () => {
  const text = `import { load } from "./b";
const fallback = 1;
const other = "k";
export const { a = fallback, b: c = compute(other), [other]: d, e: [f = other], ...rest } = load();
function compute(x: string) { return x; }
`;
  expect(await exported('a.ts', text)).toEqual(['a', 'c', 'd', 'f', 'rest']);
  expect(await located({ 'a.ts': text }, 'fallback')).toEqual({ definitions: [2], references: [4] });
});

test('TypeScript: what stands in namespaces, and what is only declared', async () => {
  const text = `export namespace N { export function f() {} const own = 1; export namespace M { export type T = 1 } }
namespace H { export const h = 1; }
declare module 'x' { export function g(): void; const k: number; }
`;
  expect(await named('a.ts', text)).toEqual(['N', 'N.f', 'N.own', 'N.M', 'N.M.T', 'H', 'H.h', "'x'", 'g', 'k']);
  expect(await exported('a.ts', text)).toEqual(['N', 'N.f', 'N.M', 'N.M.T', 'g', 'k']);
});

test('Java: members are as public as the language says', async () => {
  const text = `package a;
@Note("not public") class Hidden {}
public class Multi {
  public static final int A = 1, B = 2;
  @SuppressWarnings("final") public int counter = 0;
}
public interface Limits {
  int MAX = 10;
  private void helper() {}
  class Holder { public void m() {} }
}
public @interface Ann { String value() default ""; }
public record Pair(int a) { public Pair {} }
`;
  expect(await named('a.java', text)).toEqual([
    'Hidden',
    'Multi',
    'Multi.A',
    'Multi.B',
    'Limits',
    'Limits.MAX',
    'Limits.helper',
    'Limits.Holder',
    'Limits.Holder.m',
    'Ann',
    'Ann.value',
    'Pair',
    'Pair.Pair',
  ]);
  expect(await exported('a.java', text)).toEqual([
    'Multi',
    'Multi.A',
    'Multi.B',
    'Limits',
    'Limits.MAX',
    'Limits.Holder',
    'Limits.Holder.m',
    'Ann',
    'Ann.value',
    'Pair',
    'Pair.Pair',
  ]);
});

test('CommonJS: several exports in a row, by index, of objects, and under conditions', async () => {
  const text = `exports.one = exports.two = function () {};
exports['four'] = 4;
module.exports.obj = { a() {} };
if (process.env.X) { exports.five = 5; }
try { exports.six = six } catch {}
var six = 6;
module.exports = exports = eleven;
function eleven() {}
`;
  expect(await exported('a.cjs', text)).toEqual(['one', 'two', 'four', 'obj', 'five', 'six', 'six', 'eleven']);
  const object = 'module.exports = { a, b: c, d() {}, "e": 1, f: () => 2 };\nfunction a() {}\nfunction c() {}\n';
  expect(await exported('a.cjs', object)).toEqual(['d', 'e', 'f', 'a', 'c']);
});

describe('folders that are called as what tools make', () => {
  const core = 'class ProjectBuilder: ...\n';
  const use = 'from build.core import ProjectBuilder\n';

  test('are read where people write in them', async () => {
    expect((await located({ 'src/build/core.py': core, 'src/use.py': use }, 'ProjectBuilder')).definitions).toEqual([
      1,
    ]);
    const beside = { 'setup.py': '', 'coverage/__init__.py': '', 'coverage/core.py': core };
    expect((await located(beside, 'ProjectBuilder')).definitions).toEqual([1]);
  });

  test('are left out where a tool makes them, and named', async () => {
    const made = { 'package.json': '{}', 'a.js': '', 'build/a.js': '', 'dist/a.js': '', 'node_modules/b/b.js': '' };
    const { skipped, files } = await codeOutline.run({ path: '.' }, aContext(aFolder(made)));
    expect(files.map(({ path }) => path)).toEqual(['a.js', 'package.json']);
    expect([skipped.folders, skipped.folderNames]).toEqual([3, ['build', 'dist']]);
    const rust = { 'Cargo.toml': '', 'target/debug/a.rs': 'fn a() {}', 'src/target/b.rs': 'fn b() {}' };
    const found = await codeOutline.run({ path: '.' }, aContext(aFolder(rust)));
    expect([found.files.map(({ path }) => path), found.skipped.folderNames]).toEqual([
      ['Cargo.toml', 'src/target/b.rs'],
      ['target'],
    ]);
  });
});

test('names in every script are found: combining marks are part of them', async () => {
  const text = 'def संख्या(x):\n    return x\n\ndef use():\n    return संख्या(1)\n';
  expect(await located({ 'a.py': text }, 'संख्या')).toEqual({ definitions: [1], references: [5] });
  expect(codeLocate.input.safeParse({ path: '.', symbol: 'a b' }).success).toBe(false);
});
