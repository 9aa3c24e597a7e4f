import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeLocate } from '../../../edge-node/src/operations/code-locate.ts';
import { codeOutline } from '../../../edge-node/src/operations/code-outline.ts';
import { filesMax, outputBytesMax, syntaxBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { aContext, aFolder, anAbortedContext } from './a-folder.ts';

const nothingSkipped = {
  folders: 0,
  folderNames: [],
  links: 0,
  notSource: 0,
  tooLarge: 0,
  refused: 0,
  unreadable: 0,
  unparsed: 0,
  beyondFileCap: 0,
  beyondTime: 0,
};

async function declarationsOf(file: string, text: string, exportedOnly = true): Promise<string[]> {
  const folder = aFolder({ [file]: text });
  const outline = await codeOutline.run({ path: '.', exportedOnly }, aContext(folder));
  expect(codeOutline.output.safeParse(outline).success).toBe(true);
  return (outline.files[0]?.declarations ?? []).map(
    ({ kind, name, line, signature }) => `${line} ${kind} ${name} | ${signature}`,
  );
}

describe('declarations of TypeScript', () => {
  test.each([
    [
      'a function',
      'export function f<T>(a: T, b = 1): T { return a; }',
      '1 function f | function f<T>(a: T, b = 1): T',
    ],
    ['an async generator', 'export async function* g() {}', '1 function g | async function* g()'],
    [
      'an arrow function',
      'export const f = async (a: number): Promise<void> => {};',
      '1 function f | const f = async (a: number): Promise<void>',
    ],
    [
      'a function over lines',
      'export function f(\n  a: string,\n  b: string,\n): void {}',
      '1 function f | function f( a: string, b: string, ): void',
    ],
    ['a constant', 'export const limit: number = compute({ a: 1 });', '1 constant limit | const limit: number'],
    ['a literal', "export const name = 'x';", "1 constant name | const name = 'x'"],
    ['a variable', 'export let count = 0;', '1 variable count | let count = 0'],
    ['an interface', 'export interface I<T> extends J { a: T }', '1 interface I | interface I<T> extends J'],
    ['a type', "export type U = 'a' | 'b';", "1 type U | type U = 'a' | 'b'"],
    ['an enum', 'export enum E { A, B }', '1 enum E | enum E'],
    ['a default function', 'export default function f() {}', '1 function f | function f()'],
    ['a default expression', 'export default { a: 1 };', '1 default default | export default'],
    [
      'an ambient function',
      'export declare function f(a: string): void;',
      '1 function f | function f(a: string): void',
    ],
    ['a namespace', 'export namespace N {}', '1 namespace N | namespace N'],
    ['a re-export', "export { a as b, c } from './x.ts';", "1 re-export b, c | export { a as b, c } from './x.ts'"],
    ['a re-export of all', "export * from './x.ts';", "1 re-export * | export * from './x.ts'"],
    ['a re-export as one', "export * as x from './x.ts';", "1 re-export x | export * as x from './x.ts'"],
    ['letters beyond ASCII before it', '// größe 🐦\nexport const größe = 1;', '2 constant größe | const größe = 1'],
  ])('%s', async (_, text, declaration) => {
    expect(await declarationsOf('a.ts', text)).toEqual([declaration]);
  });

  test('several in one statement, and by pattern', async () => {
    expect(await declarationsOf('a.ts', 'export const a = 1, { b, c: [d] } = x;')).toEqual([
      '1 constant a | const a = 1',
      '1 constant b | const { b, c: [d] }',
      '1 constant d | const { b, c: [d] }',
    ]);
  });

  test('a class with its public methods', async () => {
    const text = `export abstract class K<T> extends L {
  #secret = 1;
  constructor(private a: number) { super(); }
  get size(): number { return 1; }
  private hidden() {}
  #alsoHidden() {}
  protected kept() {}
  static make(): K { return new K(); }
  abstract later(a: string): void;
}`;
    expect(await declarationsOf('a.ts', text)).toEqual([
      '1 class K | abstract class K<T> extends L',
      '3 method K.constructor | constructor(private a: number)',
      '4 method K.size | get size(): number',
      '8 method K.make | static make(): K',
      '9 method K.later | abstract later(a: string): void',
    ]);
  });

  test('what is exported further down', async () => {
    const text =
      'function f() {}\nconst hidden = 1;\nclass K { m() {} }\nexport { f, K as Other };\nconst g = 2;\nexport default g;';
    expect(await declarationsOf('a.ts', text)).toEqual([
      '1 function f | function f()',
      '3 class K | class K',
      '3 method K.m | m()',
      '5 constant g | const g = 2',
    ]);
  });

  test('overloads are told, their implementation is not', async () => {
    const text =
      'export function f(a: string): void;\nexport function f(a: number): void;\nexport function f(a: unknown) {}';
    expect(await declarationsOf('a.ts', text)).toEqual([
      '1 function f | function f(a: string): void',
      '2 function f | function f(a: number): void',
    ]);
  });

  test('what is not exported is left out, unless it is asked for', async () => {
    const text = 'const a = 1;\nexport const b = 2;';
    expect(await declarationsOf('a.ts', text)).toEqual(['2 constant b | const b = 2']);
    expect(await declarationsOf('a.ts', text, false)).toEqual([
      '1 constant a | const a = 1',
      '2 constant b | const b = 2',
    ]);
  });

  test('JSX is understood where the name of the file says so', async () => {
    const text = 'export function App() { return <p>{a}</p>; }';
    expect(await declarationsOf('a.tsx', text)).toEqual(['1 function App | function App()']);
    expect(await declarationsOf('a.jsx', text)).toEqual(['1 function App | function App()']);
  });

  test('CommonJS', async () => {
    const text =
      'function f() {}\nfunction g() {}\nfunction hidden() {}\nexports.h = function (a) {};\nmodule.exports = { f, other: g };';
    expect(await declarationsOf('a.cjs', text)).toEqual([
      '1 function f | function f()',
      '2 function g | function g()',
      '4 export h | exports.h = function (a)',
    ]);
  });
});

describe('declarations of other languages', () => {
  test('Python: public by name, or by __all__', async () => {
    const text = `LIMIT = 5
_hidden = 1
name: str = "x"

@decorated
class K(Base):
    def __init__(self, a): pass
    def _inner(self): pass
    async def run(self) -> int: pass

async def f(a, *args): pass
def _g(): pass
`;
    expect(await declarationsOf('a.py', text)).toEqual([
      '1 constant LIMIT | LIMIT = 5',
      '3 variable name | name: str = "x"',
      '6 class K | class K(Base)',
      '7 method K.__init__ | def __init__(self, a)',
      '9 method K.run | async def run(self) -> int',
      '11 function f | async def f(a, *args)',
    ]);
    expect(await declarationsOf('b.py', '__all__ = ["_a"]\ndef _a(): pass\ndef b(): pass')).toEqual([
      '2 function _a | def _a()',
    ]);
  });

  test('Go: exported by a capital letter', async () => {
    const text = `package p
const A, b = 1, 2
var C int
type S struct { X int }
type I interface { M() }
type t int
func F(a, b int) (int, error) { return a, nil }
func (s *S) M(a int) error { return nil }
func (s *S) hidden() {}
func f() {}
`;
    expect(await declarationsOf('a.go', text)).toEqual([
      '2 constant A | const A, b = 1, 2',
      '3 variable C | var C int',
      '4 struct S | type S struct',
      '5 interface I | type I interface',
      '7 function F | func F(a, b int) (int, error)',
      '8 method S.M | func (s *S) M(a int) error',
    ]);
  });

  test('Rust: exported by pub', async () => {
    const text = `pub struct S<T> { x: T }
pub enum E { A, B }
pub trait T { fn m(&self) -> u8; }
impl T for S { fn m(&self) -> u8 { 1 } }
impl S { pub fn new() -> Self { S {} } fn hidden(&self) {} }
pub const C: u8 = 1;
pub(crate) fn near() {}
pub async fn f<T>(a: T) -> T where T: Copy { a }
mod inner {}
#[macro_export]
macro_rules! mac { () => {} }
`;
    expect(await declarationsOf('a.rs', text)).toEqual([
      '1 struct S | pub struct S<T>',
      '2 enum E | pub enum E',
      '3 trait T | pub trait T',
      '3 method T.m | fn m(&self) -> u8',
      '5 method S.new | pub fn new() -> Self',
      '6 constant C | pub const C: u8 = 1',
      '8 function f | pub async fn f<T>(a: T) -> T where T: Copy',
      '11 macro mac | macro_rules! mac',
    ]);
  });

  test('Java: exported by public', async () => {
    const text = `package p;
public class K<T> extends L {
  public static final int Y = 1;
  private int x;
  public K(int a) {}
  public <R> R m(List<R> l) throws Ex { return null; }
  void near() {}
  public static class Inner { public void n() {} }
}
interface I { void n(); }
`;
    expect(await declarationsOf('K.java', text)).toEqual([
      '2 class K | public class K<T> extends L',
      '3 constant K.Y | public static final int Y = 1',
      '5 method K.K | public K(int a)',
      '6 method K.m | public <R> R m(List<R> l) throws Ex',
      '8 class K.Inner | public static class Inner',
      '8 method K.Inner.n | public void n()',
    ]);
  });
});

describe('code.outline of a folder', () => {
  test('counts files and lines by language, and lists files in order of path', async () => {
    const folder = aFolder({
      'b.ts': 'export const b = 1;\n',
      'a/z.py': 'def f():\n    pass',
      'README.md': '# One\n\nTwo\n',
      'empty.json': '',
      'logo.png': 'x',
    });
    expect(await codeOutline.run({ path: '.' }, aContext(folder))).toEqual({
      path: '.',
      method: 'tree-sitter',
      totals: { files: 4, lines: 6, declarations: 2, exported: 2 },
      languages: [
        { name: 'Markdown', files: 1, lines: 3 },
        { name: 'Python', files: 1, lines: 2 },
        { name: 'TypeScript', files: 1, lines: 1 },
        { name: 'JSON', files: 1, lines: 0 },
      ],
      files: [
        { path: 'README.md', language: 'Markdown', lines: 3, declarations: [], syntaxErrors: false },
        {
          path: 'a/z.py',
          language: 'Python',
          lines: 2,
          declarations: [{ kind: 'function', name: 'f', line: 1, signature: 'def f()', exported: true }],
          syntaxErrors: false,
        },
        {
          path: 'b.ts',
          language: 'TypeScript',
          lines: 1,
          declarations: [{ kind: 'constant', name: 'b', line: 1, signature: 'const b = 1', exported: true }],
          syntaxErrors: false,
        },
        { path: 'empty.json', language: 'JSON', lines: 0, declarations: [], syntaxErrors: false },
      ],
      omitted: { files: 0, declarations: 0 },
      skipped: { ...nothingSkipped, notSource: 1 },
    });
  });

  test('a single file can be outlined, and signatures left out', async () => {
    const folder = aFolder({ 'src/a.ts': 'export const a = 1;' });
    const outline = await codeOutline.run({ path: 'src/a.ts', signatures: false }, aContext(folder));
    expect(outline.files).toMatchObject([
      { path: 'a.ts', declarations: [{ kind: 'constant', name: 'a', line: 1, exported: true }] },
    ]);
    expect(JSON.stringify(outline)).not.toContain('signature');
  });

  test('dependencies, builds, hidden folders, links, minified and lock files are left out and counted', async () => {
    const folder = aFolder({
      'a.ts': '',
      'package.json': '{}',
      'node_modules/x/index.js': '',
      'dist/a.js': '',
      '.git/hooks/a.py': '',
      'sub/package.json': '{}',
      'sub/coverage/a.js': '',
      'lib.min.js': '',
      'package-lock.json': '{}',
    });
    symlinkSync(join(folder, 'a.ts'), join(folder, 'link.ts'));
    symlinkSync('/etc', join(folder, 'etc'));
    const outline = await codeOutline.run({ path: '.' }, aContext(folder));
    expect(outline.files.map(({ path }) => path)).toEqual(['a.ts', 'package.json', 'sub/package.json']);
    const folderNames = ['dist', 'sub/coverage'];
    expect(outline.skipped).toEqual({ ...nothingSkipped, folders: 4, folderNames, links: 2, notSource: 2 });
  });

  test('files that are withheld, too large or not text are left out and counted', async () => {
    const folder = aFolder({
      'a.ts': '',
      'private/b.ts': '',
      'secrets.json': '{}',
      'huge.ts': 'x'.repeat(1024 * 1024 + 1),
      'binary.ts': new Uint8Array([0xff, 0xfe]),
      'long.ts': `export const a = 1;\n${'// x\n'.repeat(syntaxBytesMax / 5)}`,
    });
    const grants = [
      { path: folder, read: true, run: false },
      { path: join(folder, 'private'), read: false, run: false },
    ];
    const outline = await codeOutline.run({ path: folder }, aContext(grants));
    expect(outline.files.map(({ path }) => path)).toEqual(['a.ts', 'long.ts']);
    expect(outline.files[1]?.declarations).toEqual([]);
    expect(outline.skipped).toEqual({ ...nothingSkipped, tooLarge: 1, refused: 2, unreadable: 1, unparsed: 1 });
  });

  test('a file that is nested too deeply to be walked is counted, and the others are outlined', async () => {
    const files = { 'a.ts': 'export const a = 1;\n', 'deep.ts': 'if(a)'.repeat(20_000) };
    const outline = await codeOutline.run({ path: '.' }, aContext(aFolder(files)));
    expect(outline.files.map(({ path }) => path)).toEqual(['a.ts', 'deep.ts']);
    expect(outline.skipped).toEqual({ ...nothingSkipped, unparsed: 1 });
    const found = await codeLocate.run({ path: '.', symbol: 'a' }, aContext(aFolder(files)));
    expect(found.definitions).toMatchObject([{ file: 'a.ts', name: 'a' }]);
    expect(found.skipped).toEqual({ ...nothingSkipped, unparsed: 1 });
  });

  test('a file with errors in it is outlined as far as it goes, and marked', async () => {
    const folder = aFolder({ 'a.ts': 'export const a = 1;\nexport function (((\n' });
    const outline = await codeOutline.run({ path: '.' }, aContext(folder));
    expect(outline.files[0]).toMatchObject({ syntaxErrors: true, declarations: [{ name: 'a' }] });
  });

  test('source that nests without end does no harm', async () => {
    const folder = aFolder({
      'a.ts': `export const a = ${'['.repeat(50_000)}`,
      'b.ts': 'export const b = 1;',
      'c.py': '('.repeat(100_000),
    });
    const outline = await codeOutline.run({ path: '.' }, aContext(folder));
    expect(outline.files[1]).toMatchObject({ path: 'b.ts', declarations: [{ name: 'b' }] });
  });

  test('files beyond the cap are left out and counted', async () => {
    const folder = aFolder();
    mkdirSync(join(folder, 'many'));
    for (let i = 0; i < filesMax + 3; i += 1) writeFileSync(join(folder, `many/f${i}.css`), '');
    const outline = await codeOutline.run({ path: '.' }, aContext(folder));
    expect(outline.totals.files).toBe(filesMax);
    expect(outline.skipped).toEqual({ ...nothingSkipped, beyondFileCap: 3 });
  });

  test('the time limit ends the reading, and what was not reached is counted', async () => {
    const folder = aFolder({ 'a.ts': '', 'b.ts': '', 'c.ts': '' });
    let time = 0;
    const now = () => (time += 40_000);
    const outline = await codeOutline.run({ path: '.' }, aContext(folder, { now }));
    expect(outline.totals.files + outline.skipped.beyondTime).toBe(3);
    expect(outline.skipped.beyondTime).toBeGreaterThan(0);
  });

  test('a large folder gives a small result: first declarations go, then files, all counted', async () => {
    const declarations = Array.from(
      { length: 300 },
      (_, i) => `export function name${i}(argument: string): void {}`,
    ).join('\n');
    const folder = aFolder(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`src/file${i}.ts`, declarations])));
    for (const resultBytesMax of [outputBytesMax, 20_000]) {
      const outline = await codeOutline.run({ path: '.', resultBytesMax }, aContext(folder));
      const listed = outline.files.reduce((sum, file) => sum + file.declarations.length, 0);
      expect(Buffer.byteLength(JSON.stringify(outline))).toBeLessThanOrEqual(resultBytesMax);
      expect(outline.totals).toMatchObject({ files: 40, declarations: 12_000 });
      expect(listed + outline.omitted.declarations).toBe(12_000);
      expect(outline.files.length + outline.omitted.files).toBe(40);
    }
  });

  test.each([
    ['outside the grant', '/etc', 'path_not_granted'],
    ['missing', 'missing', 'path_not_found'],
    ['a file that is no source', 'a.png', 'language_unknown'],
  ])('a path that is %s is refused', async (_, path, code) => {
    const folder = aFolder({ 'a.png': '' });
    await expect(codeOutline.run({ path }, aContext(folder))).rejects.toMatchObject({ code });
  });

  test('an aborted run rejects with the reason between two files', async () => {
    const folder = aFolder({ 'a.ts': '', 'b.ts': '' });
    const reason = new Error('cancelled');
    await expect(codeOutline.run({ path: '.' }, anAbortedContext(folder, reason))).rejects.toBe(reason);
  });

  test('runs side by side do not disturb each other', async () => {
    const one = aFolder(
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}.ts`, `export const a${i} = 1;`])),
    );
    const two = aFolder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}.py`, `def b${i}(): pass`])));
    const alone = [
      await codeOutline.run({ path: '.' }, aContext(one)),
      await codeOutline.run({ path: '.' }, aContext(two)),
    ];
    const together = await Promise.all([one, two].map((folder) => codeOutline.run({ path: '.' }, aContext(folder))));
    expect(together).toEqual(alone);
  });
});
