import { existsSync, readFileSync, symlinkSync, watch } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { readLines, readTypescript } from '../../../edge-node/src/operations/check/diagnostic.ts';
import { scriptSteps } from '../../../edge-node/src/operations/check/script-steps.ts';
import { codeCheck } from '../../../edge-node/src/operations/code-check.ts';
import { outputBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { OperationFailure } from '../../../edge-node/src/operations/operation.ts';
import { aContext, aFolder } from './a-folder.ts';

/** A project whose compiler, `tsc` by name, is this program. */
function aProject(program: string, files: Readonly<Record<string, string>> = {}): string {
  return aFolder({
    'tsconfig.json': '{}',
    'node_modules/typescript/package.json': JSON.stringify({ version: '1.2.3', bin: { tsc: 'bin/tsc' } }),
    'node_modules/typescript/bin/tsc': `#!/usr/bin/env node\n${program}`,
    ...files,
  });
}

/** Whether a process is there and no zombie: in a container no one may collect those. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until processes that were killed are gone, which the system does in its own time. */
async function areGone(pids: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 2_000, interval: 10 });
}

describe('code.check', () => {
  test('runs the real compiler of a project and tells what it finds', async () => {
    const folder = aFolder({
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "noEmit": true, "types": [] }, "include": ["src"] }',
      'src/a.ts': "export const a: number = 'x';\n",
      'src/b.ts': 'export const b = 1;\n',
    });
    // The compiler of this repository, where the project's own would be.
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const grants = [
      { path: folder, read: true, run: false, runUnconfined: true },
      { path: resolve('node_modules'), read: true, run: false, runUnconfined: true },
    ];
    const check = await codeCheck.run({ path: '.' }, aContext(grants));
    expect(codeCheck.output.safeParse(check).success).toBe(true);
    expect(check).toMatchObject({
      clean: false,
      tools: [{ name: 'typescript', exitCode: 1, output: '' }],
      totals: { errors: 1, warnings: 0, infos: 0 },
      diagnostics: [
        {
          tool: 'typescript',
          file: 'src/a.ts',
          line: 1,
          column: 14,
          severity: 'error',
          code: 'TS2322',
          message: "Type 'string' is not assignable to type 'number'.",
        },
      ],
      omitted: 0,
    });
  });

  test('runs the real linter of a project', async () => {
    const folder = aFolder({ 'biome.json': '{}', 'a.js': 'export function f() {\n  debugger;\n}\n' });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const grants = [
      { path: folder, read: true, run: false, runUnconfined: true },
      { path: resolve('node_modules'), read: true, run: false, runUnconfined: true },
    ];
    const check = await codeCheck.run({ path: '.', tool: 'biome' }, aContext(grants));
    expect(check.diagnostics).toMatchObject([
      { tool: 'biome', file: 'a.js', line: 2, column: 3, severity: 'error', code: 'lint/suspicious/noDebugger' },
    ]);
  });

  test('a clean project is clean', async () => {
    const check = await codeCheck.run({ path: '.' }, aContext(aProject('process.exit(0)')));
    expect(check).toEqual({
      path: '.',
      clean: true,
      tools: [{ name: 'typescript', version: '1.2.3', exitCode: 0, output: '' }],
      totals: { errors: 0, warnings: 0, infos: 0 },
      diagnostics: [],
      omitted: 0,
      outputCut: false,
    });
  });

  test('a tool that fails without a word that can be read is shown by the end of its output', async () => {
    const folder = aProject("console.error('no such file ' + process.cwd() + '/x.ts'); process.exit(3)");
    const check = await codeCheck.run({ path: '.' }, aContext(folder));
    expect(check).toMatchObject({ clean: false, tools: [{ exitCode: 3, output: 'no such file x.ts' }] });
  });

  test('[DEVICE-20] the program sees the folder and nothing of this process: an empty home of its own, and the system’s PATH', async () => {
    process.env.STARLING_TEST_TOKEN = 'very secret';
    try {
      const program =
        'const { env } = process; console.error(JSON.stringify([process.cwd(), Object.keys(env).sort(), env.HOME, env.PATH, require("node:fs").readdirSync(env.HOME)])); process.exit(1)';
      const folder = aProject(program);
      const check = await codeCheck.run({ path: '.' }, aContext(folder));
      const [cwd, names, home, path, entries] = JSON.parse(check.tools[0]?.output ?? '');
      expect(cwd).toBe('.');
      expect(names.filter((name: string) => !name.startsWith('__CF'))).toEqual(['HOME', 'NO_COLOR', 'PATH', 'TMPDIR']);
      expect(path).toBe(`${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`);
      expect([home === process.env.HOME, entries, existsSync(home)]).toEqual([false, [], false]);
    } finally {
      delete process.env.STARLING_TEST_TOKEN;
    }
  });

  test('[DEVICE-20] nothing of a project is run without a grant whose name says the risk', async () => {
    // Everything in a repository that may name a program: its compiler, its scripts, its configuration, its hooks.
    const ran = "require('node:fs').writeFileSync('ran', '')";
    const folder = aProject(ran, {
      'package.json': JSON.stringify({
        scripts: { check: 'tsc', lint: 'node -e 1' },
        devDependencies: { eslint: '1' },
      }),
      'eslint.config.js': ran,
      'node_modules/.bin/tsc': `#!/usr/bin/env node\n${ran}`,
      'node_modules/eslint/package.json': JSON.stringify({ bin: { eslint: 'bin.js' } }),
      'node_modules/eslint/bin.js': ran,
    });
    const readOnly = aContext([{ path: folder, read: true, run: false }]);
    const asBefore = aContext([{ path: folder, read: true, run: true }]);
    for (const input of [{}, { tool: 'eslint' }, { tool: 'typescript' }, { script: 'check' }, { script: 'lint' }]) {
      const asked = codeCheck.input.parse({ path: '.', ...input });
      await expect(codeCheck.run(asked, readOnly)).rejects.toMatchObject({ code: 'path_not_granted' });
      await expect(codeCheck.run(asked, asBefore)).rejects.toMatchObject({
        code: 'run_not_confined',
        retryable: false,
      });
    }
    await expect(codeCheck.run({ path: '..' }, aContext(folder))).rejects.toMatchObject({ code: 'path_not_granted' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('a tool that prints without end is stopped, and nothing of what it printed is kept beyond the limit', async () => {
    const folder = aProject(`
      const block = 'x'.repeat(1024 * 1024) + '\\n';
      const print = () => process.stdout.write(block, print);
      print();`);
    const check = codeCheck.run({ path: '.' }, aContext(folder));
    await expect(check).rejects.toMatchObject({ code: 'check_flooded', retryable: false });
  });

  test('a tool that a link brings in from outside the grant is not run', async () => {
    const outside = aProject("console.log('ran')");
    const folder = aFolder({ 'tsconfig.json': '{}' });
    symlinkSync(join(outside, 'node_modules'), join(folder, 'node_modules'));
    await expect(codeCheck.run({ path: '.' }, aContext(folder))).rejects.toMatchObject({ code: 'checker_not_found' });
  });

  test('a package whose program points out of the grant is not run', async () => {
    const folder = aProject('', {
      'node_modules/typescript/package.json': JSON.stringify({ bin: { tsc: '../../../../../../../../../bin/true' } }),
    });
    await expect(codeCheck.run({ path: '.' }, aContext(folder))).rejects.toMatchObject({ code: 'checker_not_found' });
  });

  test('the tools of a folder above are found as far as the grant reaches', async () => {
    const folder = aProject('process.exit(0)', { 'packages/one/tsconfig.json': '{}' });
    const check = await codeCheck.run({ path: 'packages/one' }, aContext(folder));
    expect(check.tools).toMatchObject([{ name: 'typescript', exitCode: 0 }]);
    const inner = aContext(join(folder, 'packages/one'));
    await expect(codeCheck.run({ path: '.' }, inner)).rejects.toMatchObject({ code: 'checker_not_found' });
  });

  test('a tool that does not end is killed with all that it started', async () => {
    // The program starts a child that would outlive it, says its process id, and waits.
    const folder = aProject(`
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      require('node:fs').writeFileSync('pids', JSON.stringify([process.pid, child.pid]));
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1000);`);
    const startedAt = performance.now();
    const check = codeCheck.run({ path: '.', timeLimitMs: 700 }, aContext(folder));
    await expect(check).rejects.toMatchObject({ code: 'check_timed_out', retryable: true });
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    const pids: number[] = JSON.parse(readFileSync(join(folder, 'pids'), 'utf8'));
    await areGone(pids);
  });

  test('an abort kills the tool and rejects with the reason', async () => {
    const folder = aProject(
      "require('node:fs').writeFileSync('pid', String(process.pid)); setInterval(() => {}, 1000)",
    );
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const check = codeCheck.run({ path: '.' }, aContext(folder, { signal: controller.signal }));
    await new Promise<void>((started) => {
      const watcher = watch(folder, () => {
        if (!existsSync(join(folder, 'pid')) || readFileSync(join(folder, 'pid'), 'utf8') === '') return;
        watcher.close();
        started();
      });
    });
    controller.abort(reason);
    await expect(check).rejects.toBe(reason);
    await areGone([Number(readFileSync(join(folder, 'pid'), 'utf8'))]);
  });

  test('what a tool leaves running behind it is killed and not waited for', async () => {
    const folder = aProject(`
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      console.log('x.ts(1,1): error TS1: pid ' + child.pid);
      process.exitCode = 1;
      child.unref();`);
    const check = await codeCheck.run({ path: '.' }, aContext(folder));
    const pid = Number(/pid (\d+)/.exec(check.diagnostics[0]?.message ?? '')?.[1]);
    expect(pid).toBeGreaterThan(1);
    await areGone([pid]);
  });

  test('a flood of output is cut, and what was read of it is told in a small result', async () => {
    const folder = aProject(`
      const line = 'src/a.ts(1,1): error TS1000: ' + 'x'.repeat(200) + '\\n';
      require('node:fs').writeSync(1, '');
      process.stdout.write(line.repeat(50_000));
      process.exitCode = 2;`);
    const check = await codeCheck.run({ path: '.' }, aContext(folder));
    expect(check.outputCut).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(check))).toBeLessThanOrEqual(outputBytesMax);
    expect(check.totals.errors).toBe(check.diagnostics.length + check.omitted);
    expect(check.totals.errors).toBeGreaterThan(30_000);
  });

  test('a folder without a checker is told so', async () => {
    await expect(codeCheck.run({ path: '.' }, aContext(aFolder()))).rejects.toMatchObject({
      code: 'checker_not_found',
      retryable: false,
    });
  });
});

describe('a check script', () => {
  const bin = (program: string) => ({
    'node_modules/.bin/mylint': `#!/usr/bin/env node\n${program}`,
  });

  test('runs the programs it names, one after the other, until one fails', async () => {
    const folder = aFolder({
      'package.json': JSON.stringify({
        scripts: { check: 'npm run lint && mylint "b c" && mylint never', lint: 'mylint a' },
      }),
      ...bin(
        "const [a] = process.argv.slice(2); console.log('src/x.js:3:4: warning ' + a); process.exit(a === 'a' ? 0 : 1)",
      ),
    });
    const check = await codeCheck.run({ path: '.', script: 'check' }, aContext(folder));
    expect(check.tools.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      ['mylint', 0],
      ['mylint', 1],
    ]);
    expect(
      check.diagnostics.map(({ file, line, column, severity, message }) => [file, line, column, severity, message]),
    ).toEqual([
      ['src/x.js', 3, 4, 'warning', 'a'],
      ['src/x.js', 3, 4, 'warning', 'b c'],
    ]);
  });

  test('may only be one whose name says that it checks', () => {
    const allowed = ['check', 'lint', 'lint:css', 'typecheck', 'types', 'check-all'];
    const refused = ['deploy', 'start', 'postinstall', 'checkout', 'lint;ls', 'test', ''];
    const accepts = (script: string) => codeCheck.input.safeParse({ path: '.', script }).success;
    expect(allowed.filter(accepts)).toEqual(allowed);
    expect(refused.filter(accepts)).toEqual([]);
    expect(codeCheck.input.safeParse({ path: '.', script: 'check', tool: 'biome' }).success).toBe(false);
  });

  test('is refused when it is not there or names a program that the project does not bring', async () => {
    const folder = aFolder({ 'package.json': JSON.stringify({ scripts: { lint: 'sh -c ls' } }) });
    const run = (script: string) => codeCheck.run({ path: '.', script }, aContext(folder));
    await expect(run('check')).rejects.toMatchObject({ code: 'script_not_found' });
    await expect(run('lint')).rejects.toMatchObject({ code: 'checker_not_found' });
  });

  test.each([
    ['tsc --noEmit', [['tsc', '--noEmit']]],
    ["eslint 'src/**/*.ts' --max-warnings=0", [['eslint', 'src/**/*.ts', '--max-warnings=0']]],
    ['tsc&&eslint "a b"', [['tsc'], ['eslint', 'a b']]],
    ['  tsc   -p   .  ', [['tsc', '-p', '.']]],
  ])('%s is read as words', (line, words) => {
    expect(scriptSteps('check', { check: line }).map(({ name, arguments: rest }) => [name, ...rest])).toEqual(words);
  });

  test.each([
    'tsc; rm -rf /',
    'tsc | cat',
    'tsc > out',
    'tsc || true',
    'tsc & sleep 1',
    'eslint src/*.ts',
    'eslint $FILES',
    'eslint "$(ls)"',
    'eslint `ls`',
    'FOO=1 tsc',
    'tsc &&',
    '&& tsc',
    '',
    "eslint 'open",
    'eslint a\\ b',
    'npm install',
    'npm run lint -- --fix',
    'npm run check',
    'tsc\nrm',
  ])('%j needs a shell, or never ends, and is refused', (line) => {
    const read = () => scriptSteps('check', { check: line, lint: 'eslint' });
    if (line === 'tsc\nrm') expect(read()).toEqual([{ name: 'tsc', arguments: ['rm'] }]);
    else expect(read).toThrow(OperationFailure);
  });
});

describe('diagnostics', () => {
  test('tsc: places, continued messages and messages without a place', () => {
    const output = [
      'src/a.ts(1,14): error TS2322: One.',
      '  Two.',
      'error TS5058: The path does not exist.',
      '../out.ts(1,1): warning TS1: Outside.',
      'Found 2 errors.',
    ].join('\n');
    expect(readTypescript(output, '/p')).toEqual([
      { file: 'src/a.ts', line: 1, column: 14, severity: 'error', code: 'TS2322', message: 'One.\n  Two.' },
      { file: null, line: 0, column: 0, severity: 'error', code: 'TS5058', message: 'The path does not exist.' },
      { file: null, line: 1, column: 1, severity: 'warning', code: 'TS1', message: 'Outside.' },
    ]);
  });

  test('lines of other tools, the path of the folder taken out', () => {
    const output =
      '/p/src/a.py:3:7: error: bad in /p/src/a.py\nb.c:2: note: see here\nhttp://x:80 is up\n12:30:45 started\n';
    expect(readLines(output, '/p')).toEqual([
      { file: 'src/a.py', line: 3, column: 7, severity: 'error', code: '', message: 'bad in src/a.py' },
      { file: 'b.c', line: 2, column: 0, severity: 'info', code: '', message: 'see here' },
    ]);
  });
});
