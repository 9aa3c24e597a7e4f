import fc from 'fast-check';
import MarkdownIt from 'markdown-it';
import { describe, expect, test } from 'vitest';
import { codeLocate } from '../../../edge-node/src/operations/code-locate.ts';
import { codeOutline } from '../../../edge-node/src/operations/code-outline.ts';
import { fsRead } from '../../../edge-node/src/operations/fs-read.ts';
import { outputBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { reportAssemble } from '../../../edge-node/src/operations/report-assemble.ts';
import { textKeywords } from '../../../edge-node/src/operations/text-keywords.ts';
import { textSummarize } from '../../../edge-node/src/operations/text-summarize.ts';
import { aContext, aFolder, anAbortedContext } from './a-folder.ts';

/** What one section makes of a body, after a way through JSON as a task's input takes. */
async function rendered(body: unknown): Promise<string> {
  const given: unknown = JSON.parse(JSON.stringify({ title: 'T', sections: [{ heading: 'H', body }] }));
  const { markdown } = await reportAssemble.run(reportAssemble.input.parse(given), aContext(aFolder()));
  expect(markdown.startsWith('# T\n\n## H\n\n')).toBe(true);
  return markdown.slice('# T\n\n## H\n\n'.length).trimEnd();
}

describe('report.assemble', () => {
  test('joins a title and sections', async () => {
    const sections = [
      { heading: 'One', body: 'First *text*.' },
      { heading: 'Two', body: 2 },
    ];
    expect(await reportAssemble.run({ title: 'Report', sections }, aContext(aFolder()))).toEqual({
      markdown: '# Report\n\n## One\n\nFirst *text*.\n\n## Two\n\n`2`\n',
      sections: 2,
      cut: [],
    });
  });

  test('renders an outline as tables', async () => {
    const folder = aFolder({ 'a.ts': 'export const a = 1;\nexport class K { m() {} }\n', 'b.md': 'x\n' });
    const outline = await codeOutline.run({ path: '.' }, aContext(folder));
    expect(await rendered(outline)).toBe(`\`.\`: 2 files, 3 lines, 3 exported declarations.

| Language | Files | Lines |
| --- | --: | --: |
| TypeScript | 1 | 2 |
| Markdown | 1 | 1 |

| File | Lines | Exports |
| --- | --: | --- |
| \`a.ts\` | 2 | \`a\`, \`K\` |`);
  });

  test('renders symbols and references', async () => {
    const folder = aFolder({ 'a.ts': 'export const a = 1;\na;\n' });
    const most = await codeLocate.run({ path: '.', mostReferenced: 3 }, aContext(folder));
    expect(await rendered(most)).toContain('| `a` | constant | `a.ts:1` | 1 | 1 |');
    const symbol = await codeLocate.run({ path: '.', symbol: 'a' }, aContext(folder));
    expect(await rendered(symbol)).toContain('`a`: 1 definition, 1 reference.');
    expect(await rendered(symbol)).toContain('| `a.ts:2` | scope | `a;` |');
  });

  test('renders summaries, key phrases and files', async () => {
    const folder = aFolder({ 'a.md': 'Kestrel keeps *every* message safe.' });
    const context = aContext(folder);
    expect(await rendered(await textSummarize.run({ path: 'a.md' }, context))).toBe(
      '> Kestrel keeps every message safe.\n\nExtractive (textrank): 1 of 1 sentence, as they stand in the text.',
    );
    expect(await rendered(await textKeywords.run({ path: 'a.md' }, context))).toContain('- Kestrel');
    expect(await rendered(await fsRead.run({ path: 'a.md' }, context))).toContain(
      '```\nKestrel keeps *every* message safe.\n```',
    );
  });

  test('renders a check', async () => {
    const check = {
      path: '.',
      clean: false,
      tools: [{ name: 'eslint', version: '10.0.0', exitCode: 1, output: 'it broke' }],
      totals: { errors: 1, warnings: 0, infos: 0 },
      diagnostics: [
        { tool: 'eslint', file: 'a.js', line: 1, column: 2, severity: 'error', code: 'no-x', message: 'No | x.' },
      ],
      omitted: 0,
      outputCut: false,
    };
    const markdown = await rendered(check);
    expect(markdown).toContain('Not clean: 1 error, 0 warnings from eslint 10.0.0.');
    expect(markdown).toContain('| `a.js:1:2` | error | `no-x` | No \\| x. |');
    expect(markdown).toContain('```\nit broke\n```');
  });

  test.each<[string, unknown, string]>([
    ['null', null, '–'],
    ['a flat object', { a: 1, 'b c': 'x*y' }, '- a: `1`\n- b c: x\\*y'],
    ['flat rows', [{ a: 1, b: 'x' }, { a: 2 }], '| a | b |\n| --: | --- |\n| 1 | x |\n| 2 | – |'],
    ['scalars', ['a', 2, true], '- a\n- `2`\n- `true`'],
    ['nothing', [], 'Nothing.'],
    ['an empty object', {}, 'Nothing.'],
    ['what is deep', { a: { b: [1] } }, '```json\n{\n  "a": {\n    "b": [\n      1\n    ]\n  }\n}\n```'],
  ])('renders %s', async (_, body, markdown) => {
    expect(await rendered(body)).toBe(markdown);
  });

  test('headings of a body stand below its section, code is left as it is', async () => {
    expect(await rendered('# A\n\n```sh\n# not a heading\n```\n\n## B')).toBe(
      '### A\n\n```sh\n# not a heading\n```\n\n#### B',
    );
  });

  test('what is not trusted cannot break out of its place', async () => {
    const evil = { name: '`x` | y\n# Heading <script>', body: 'a' };
    const markdown = await rendered([evil]);
    expect(markdown.split('\n')).toHaveLength(3);
    expect(markdown).not.toMatch(/^#/m);
    expect(markdown).not.toContain('<script>'.replace('<', ' <'));
    expect(await rendered({ deep: { fence: '```\n# out' } })).toMatch(/^````json\n[\s\S]*\n````$/);
  });

  test('large sections are cut at a line and named, and the others are whole', async () => {
    const long = `\`\`\`\n${'a line of code with "quotes"\n'.repeat(20_000)}\`\`\``;
    const sections = [
      { heading: 'Long', body: long },
      { heading: 'Short', body: 'Whole.' },
    ];
    const report = await reportAssemble.run({ title: 'T', sections }, aContext(aFolder()));
    expect(report.cut).toEqual(['Long']);
    expect(report.markdown).toContain('## Short\n\nWhole.\n');
    expect(report.markdown).toContain('```\n\n*Cut here for length.*');
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThanOrEqual(outputBytesMax);
  });

  test('texts that begin like a block stand as they are, and what a section leaves open ends with it', async () => {
    const sentences = [
      '1986. What a season.',
      '# 1 of the robots.',
      '&copy; 2026.',
      '- a',
      '+ b',
      '= c',
      '> d',
      '2) e',
    ];
    const summary = {
      ...{ method: 'extractive', algorithm: 'textrank', summary: 'x', sentences },
      ...{ sentencesInText: 3, sentencesRanked: 3, truncated: false },
    };
    const open = [
      '```js\ncode',
      '~~~~\ncode',
      '<!-- comment',
      '<pre>\ntext',
      '- item\n\n      ```\n      in it',
      'Head\n===',
    ];
    const sections = [{ heading: 'Sum', body: summary }, ...open.map((body, n) => ({ heading: `Open ${n}`, body }))];
    const { markdown } = await reportAssemble.run({ title: 'T', sections }, aContext('/nonexistent'));
    const tokens = new MarkdownIt({ html: true }).parse(markdown, {});
    const headings = tokens.flatMap((token, n) =>
      token.type === 'heading_open' ? [[token.tag, tokens[n + 1]?.content]] : [],
    );
    expect(headings).toEqual([['h1', 'T'], ...sections.map(({ heading }) => ['h2', heading]), ['h3', 'Head']]);
    const shown = tokens
      .filter(({ type }) => type === 'inline')
      .map(({ children }) => children?.map(({ content }) => content).join(''));
    for (const sentence of sentences) expect(shown).toContain(sentence);
  });

  test('any JSON makes a report within its size, and the same report again', async () => {
    const section = fc.record({
      heading: fc.string({ minLength: 1, maxLength: 40 }),
      body: fc.jsonValue({ maxDepth: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(section, { maxLength: 5 }), async (sections) => {
        const input = reportAssemble.input.parse(JSON.parse(JSON.stringify({ title: 'T', sections })));
        const one = await reportAssemble.run(input, aContext('/nonexistent'));
        expect(one).toEqual(await reportAssemble.run(input, aContext('/nonexistent')));
        expect(one.sections).toBe(sections.length);
        expect(Buffer.byteLength(JSON.stringify(one))).toBeLessThanOrEqual(outputBytesMax);
      }),
      { numRuns: 300 },
    );
  });

  test('an aborted run rejects with the reason', async () => {
    const reason = new Error('cancelled');
    const sections = [
      { heading: 'A', body: 'a' },
      { heading: 'B', body: 'b' },
    ];
    await expect(reportAssemble.run({ title: 'T', sections }, anAbortedContext(aFolder(), reason))).rejects.toBe(
      reason,
    );
  });
});
