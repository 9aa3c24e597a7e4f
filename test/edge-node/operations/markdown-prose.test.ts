import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markdownProse } from '../../../edge-node/src/operations/text/markdown-prose.ts';

function texts(markdown: string): string[] {
  return markdownProse(markdown).map(({ text }) => text);
}

/** Whether the signs of a text, spaces left out, stand in another in the same order. */
function standsIn(text: string, other: string): boolean {
  let from = 0;
  for (const sign of text.replace(/\s/g, '')) {
    const at = other.indexOf(sign, from);
    if (at === -1) return false;
    from = at + sign.length;
  }
  return true;
}

describe('the prose of Markdown', () => {
  test.each([
    ['a badge', '[![build](https://x/y.svg)](https://x) [![npm](a)][npm]\n\nText here.\n\n[npm]: https://x'],
    ['an image', '![a picture](x.png)\n\nText here.'],
    ['fenced code', '```ts\nconst text = "not prose";\n```\n\nText here.'],
    ['fenced code with tildes and fences in it', '~~~\n```\nnot\n```\n~~~\n\nText here.'],
    ['fenced code that never ends', 'Text here.\n\n```\nnot prose'],
    ['fenced code in a list', '- ```\n  not prose\n  ```\n\nText here.'],
    ['indented code', 'Text here.\n\n    not prose\n'],
    ['a table', '| a | b |\n|---|:-:|\n| not | prose |\n\nText here.'],
    ['a table without outer bars', 'Text here.\n\n--- | ---\n'],
    ['an HTML block', '<p align="center">\n  <img src="x"> not prose\n</p>\n\nText here.'],
    ['a comment', '<!-- not\n\nprose -->\nText here.'],
    ['front matter', '---\ntitle: not prose\n---\nText here.'],
    ['a link definition', 'Text here.\n\n[npm]: https://npmjs.com "not prose"'],
    ['a rule', '***\n\nText here.\n\n* * *'],
    ['a heading', '# Not prose\n\nText here.\n\nNot prose\n---------\n'],
  ])('%s is no prose', (_, markdown) => {
    expect(texts(markdown)).toEqual(['Text here.']);
  });

  test.each([
    ['emphasis', 'It is **very _truly_** `fast`, *now*.', 'It is very truly fast, now.'],
    [
      'links',
      'See [the **docs**](https://x/a_(b)) and [npm][1] or <https://x.dev>.\n\n[1]: https://x',
      'See the docs and npm or https://x.dev.',
    ],
    ['names with underscores', 'Call snake_case_name and __init__ here.', 'Call snake_case_name and init here.'],
    [
      'code that looks like marks',
      'Use `a_b_c`, ``x ` y`` and `docs/<name>.md`.',
      'Use a_b_c, x ` y and docs/<name>.md.',
    ],
    ['inline HTML', 'Press <kbd>Enter</kbd> now.<br>', 'Press Enter now.'],
    ['escapes', 'Two \\* three \\_ four.', 'Two * three _ four.'],
    ['emoji by name', 'It flies :rocket: high.', 'It flies high.'],
    ['footnotes', 'It holds.[^1]', 'It holds.'],
    [
      'marks of comments in code',
      'It begins with `<!--` and goes on.\n\n```html\n<!-- start\n```\n\nMore.',
      'It begins with <!-- and goes on.|More.',
    ],
    [
      'angle brackets that are no tags',
      'A Map<string, number> of all. Write \\<b\\> here.',
      'A Map<string, number> of all. Write <b> here.',
    ],
    ['emphasis beside letters without spaces', '**机器人**在红门前。', '机器人在红门前。'],
    ['references to nothing', 'As [said][there] before.', 'As [said][there] before.'],
    ['stars that are no marks', '2 * 3 * 4 is 24.', '2 * 3 * 4 is 24.'],
  ])('%s become plain text', (_, markdown, text) => {
    expect(texts(markdown)).toEqual(text.split('|'));
  });

  test('list items and quotations are paragraphs of their own', () => {
    expect(markdownProse('# Head\n\nFirst\nline.\n- one\n- [x] two\n  more\n1. three\n\n> quoted')).toEqual([
      { text: 'First\nline.', heading: 'Head', kind: 'paragraph' },
      { text: 'one', heading: 'Head', kind: 'item' },
      { text: 'two\nmore', heading: 'Head', kind: 'item' },
      { text: 'three', heading: 'Head', kind: 'item' },
      { text: 'quoted', heading: 'Head', kind: 'paragraph' },
    ]);
  });

  test('a heading is known to what stands below it, in either style', () => {
    const headings = markdownProse('a\n\n## The `B` #\n\nb\n\nC\n=\n\nc').map(({ heading }) => heading);
    expect(headings).toEqual([null, 'The B', 'C']);
  });

  test('any text is read without failing, and nothing is added to it', () => {
    const mark = fc.constantFrom(
      '#',
      '*',
      '_',
      '`',
      '```',
      '[',
      ']',
      '(',
      ')',
      '<',
      '>',
      '|',
      '-',
      '\n',
      '\n\n',
      ' ',
      '!',
      '\\',
      '~~',
      'word',
      'Ünï',
      ':',
    );
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 60 }), (marks) => {
        const markdown = marks.join('');
        for (const { text } of markdownProse(markdown)) expect(standsIn(text, markdown)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
