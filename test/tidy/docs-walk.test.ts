// docs/internals/architecture.md cannot rot: its folders are the repository's, and every step of its walks is a file and a
// name that are there, reached from the step before in the way that the page says.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { codeIn, read, rowsOf, sectionsOf, table } from './docs-pages.ts';
import { importsOf } from './import-rules.ts';
import { isCode, readRepository, root, type SourceFile, topFolder } from './repository.ts';

const page = read('docs/internals/architecture.md');
const files = new Map(readRepository().map((file) => [file.path, file]));

interface Step {
  readonly number: string;
  readonly path: string;
  readonly symbol: string;
  /** The row that hands it on, and how: by import, or as the words say. Empty for the first. */
  readonly from: string;
  readonly how: 'import' | 'RPC' | 'frame' | 'queue' | 'process' | 'wired in';
  /** The RPC, the frame, the binding, the file of the process, or the wiring file. */
  readonly by: string;
}

/** The walks, by heading; a walk of several parts is one. */
function walks(): Map<string, Step[]> {
  const found = new Map<string, Step[]>();
  let heading = '';
  for (const [name, text] of sectionsOf(page)) {
    if (name.startsWith('## ')) heading = name;
    const steps = rowsOf(text)
      .filter((row) => row.length === 5)
      .map(stepOf);
    if (steps.length > 0) found.set(heading, [...(found.get(heading) ?? []), ...steps]);
  }
  return found;
}

function stepOf([number = '', , room = '', from = '']: string[]): Step {
  const [path = '', symbol = ''] = codeIn(room);
  const [row = '', words = ''] = from.split(',').map((part) => part.trim());
  const how =
    (['RPC', 'frame', 'queue', 'process', 'wired in'] as const).find((way) => words.startsWith(way)) ?? 'import';
  return { number, path, symbol, from: row, how, by: codeIn(words)[0] ?? '' };
}

function fileAt(path: string): SourceFile {
  const file = files.get(path);
  if (file === undefined) throw new Error(`there is no ${path}`);
  return file;
}

/** A file's code without its imports: where names are used, not only brought in. */
function bodyOf(file: SourceFile): string {
  return file.text.replace(/^import\b[\s\S]*?;$/gm, '');
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a name is made here: a function, a class, a constant, a method of a class or of an object. */
function defines(file: SourceFile, symbol: string): boolean {
  const name = escaped(symbol);
  return new RegExp(`(?:function|class|const) ${name}\\b|^\\s+(?:async |override )*${name}(?:<[^>]*>)?\\(`, 'm').test(
    file.text,
  );
}

function imports(file: SourceFile, path: string): boolean {
  return importsOf(file).some(({ source, node }) => {
    return source.startsWith('.') && node.importKind !== 'type' && join(dirname(file.path), source) === path;
  });
}

function uses(file: SourceFile, symbol: string): boolean {
  return new RegExp(`(?<![\\w#])${escaped(symbol)}\\b`).test(bodyOf(file));
}

/** Why a step is not reached as the page says, or null. */
function broken(step: Step, before: Step): string | null {
  const from = fileAt(before.path);
  const to = fileAt(step.path);
  const { how, by } = step;
  switch (how) {
    case 'import':
      // Two rooms of one file are side by side.
      if (from.path !== to.path && !imports(from, to.path)) return `${from.path} does not import ${to.path}`;
      return uses(from, step.symbol) ? null : `${from.path} does not use ${step.symbol}`;
    case 'RPC':
      if (!new RegExp(`\\.${by}\\(`).test(from.text)) return `${from.path} does not call ${by}`;
      return defines(to, by) ? null : `${to.path} has no ${by}`;
    case 'frame':
      if (!new RegExp(`"type":"${by}"|type: '${by}'|type: z\\.literal\\('${by}'\\)`).test(from.text + senderOf(from)))
        return `${from.path} sends no frame of type ${by}`;
      return new RegExp(`'${by}'|<'${by}'>`).test(to.text) ? null : `${to.path} reads no frame of type ${by}`;
    case 'queue':
      return new RegExp(`\\.${by}\\.send\\(`).test(from.text) ? null : `${from.path} sends nothing to ${by}`;
    case 'process':
      if (!from.text.includes(`'${by}'`)) return `${from.path} starts no process of ${by}`;
      return to.path.endsWith(`/${by}`) ? null : `${to.path} is not ${by}`;
    case 'wired in': {
      const wiring = fileAt(by);
      const missing = [from, to].find((file) => file.path !== wiring.path && !reaches(wiring, file.path));
      return missing === undefined ? null : `${wiring.path} does not join ${missing.path}`;
    }
  }
}

/** The sender of facts hands its frames to the session beside it, which writes them. */
function senderOf(file: SourceFile): string {
  return file.path === 'edge-node/src/link/fact-sender.ts' ? fileAt('edge-node/src/link/session.ts').text : '';
}

/** Imports it, or imports a file that does. */
function reaches(wiring: SourceFile, path: string): boolean {
  if (imports(wiring, path)) return true;
  const next = importsOf(wiring).filter(({ source }) => source.startsWith('.'));
  return next.some(({ source }) => {
    const file = files.get(join(dirname(wiring.path), source));
    return file !== undefined && imports(file, path);
  });
}

describe('the walks of the architecture', () => {
  const all = walks();

  it('are there', () => {
    expect([...all.keys()]).toEqual([
      '## A task, from a client to a device and back',
      '## A webhook that starts a task',
      '## A timer',
      '## A measurement',
      '## A look at the past',
    ]);
    expect(all.get('## A task, from a client to a device and back')?.length).toBeGreaterThan(30);
  });

  it.each([...all])('%s: every room is a file with that name in it', (_, steps) => {
    const missing = steps.filter((step) => !defines(fileAt(step.path), step.symbol));
    expect(missing.map(({ number, path, symbol }) => `${number}: ${path} has no ${symbol}`)).toEqual([]);
  });

  it.each([...all])('%s: every step is reached as the page says', (_, steps) => {
    expect(steps.map(({ number }) => Number(number))).toEqual(steps.map((_, index) => index + 1));
    const wrong = steps.flatMap((step, index) => {
      if (index === 0) return step.from === '' ? [] : [`${step.number}: the first step comes from nowhere`];
      const before = steps.find(({ number }) => number === step.from);
      if (before === undefined) return [`${step.number}: there is no row ${step.from}`];
      const why = broken(step, before);
      return why === null ? [] : [`${step.number}: ${why}`];
    });
    expect(wrong).toEqual([]);
  });

  it('finds a step that is not so', () => {
    const steps = all.get('## A task, from a client to a device and back') ?? [];
    const [first, second] = steps;
    if (first === undefined || second === undefined) throw new Error('there is a walk');
    expect(broken({ ...second, path: 'core/result.ts', symbol: 'ok' }, first)).not.toBeNull();
    expect(broken({ ...second, how: 'RPC', by: 'noSuchCall' }, first)).not.toBeNull();
    expect(defines(fileAt('core/result.ts'), 'noSuchName')).toBe(false);
  });
});

describe('the folders of the architecture', () => {
  const rows = table(page, '## The folders');

  it('are the folders of the repository', () => {
    const there = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => `${name}/`);
    expect(rows.map(([folder]) => codeIn(folder)[0]).toSorted()).toEqual(there.toSorted());
  });

  it('may import what the rule of imports lets them', () => {
    const rule = read('test/tidy/import-rules.ts');
    for (const [folder = '', , may = ''] of rows) {
      const name = (codeIn(folder)[0] ?? '').replace('/', '');
      const allowed = rule.match(new RegExp(`^  '?${name}'?: \\{ folders: \\[([^\\]]*)\\]`, 'm'))?.[1];
      if (allowed === undefined) expect(may === 'anything' || may === '', name).toBe(true);
      else {
        const named = codeIn(may)
          .filter((code) => code.endsWith('/'))
          .map((code) => code.replace('/', ''));
        expect(named.toSorted(), name).toEqual([...allowed.matchAll(/'([^']+)'/g)].map(([, one]) => one).toSorted());
      }
    }
  });

  it('have one file that reads the environment of the Worker', () => {
    const readers = [...files.values()].filter((file) => {
      const isWorker = ['core', 'functions', 'durable-objects'].includes(topFolder(file.path)) && isCode(file);
      return isWorker && /\benv\.STARLING_[A-Z]/.test(file.text);
    });
    expect(readers.map(({ path }) => path)).toEqual(['functions/worker.ts']);
  });
});
