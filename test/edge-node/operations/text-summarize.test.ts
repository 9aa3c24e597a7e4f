import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outputBytesMax, rankedSentencesMax, textFileBytesMax } from '../../../edge-node/src/operations/limits.ts';
import { sentencesOf } from '../../../edge-node/src/operations/text/sentences.ts';
import { textSummarize } from '../../../edge-node/src/operations/text-summarize.ts';
import { aContext, aFolder } from './a-folder.ts';

const readme = `# Kestrel

[![build](https://x/b.svg)](https://x) [![license](https://x/l.svg)](https://x)

Kestrel is a queue for messages that must not be lost. It keeps every message on disk until a reader has confirmed it.

## Install

\`\`\`
npm install kestrel
\`\`\`

| option | meaning |
|---|---|
| size | how many messages the queue may hold at most |

## How it works

A writer appends a message to the log. A reader takes messages from the log in order and confirms each message.
When a reader stops, its messages go to another reader. The queue never gives a confirmed message to a reader again.

- Bananas are yellow.
`;

function summarize(input: Parameters<typeof textSummarize.run>[0], folder = aFolder()) {
  return textSummarize.run(input, aContext(folder));
}

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim();

describe('text.summarize', () => {
  test('says that it extracts, and how', async () => {
    const summary = await summarize({ text: 'One plain sentence stands here.' });
    expect(summary).toEqual({
      method: 'extractive',
      algorithm: 'textrank',
      summary: 'One plain sentence stands here.',
      sentences: ['One plain sentence stands here.'],
      sentencesInText: 1,
      sentencesRanked: 1,
      truncated: false,
    });
  });

  test('a README is summed up by what it says it is, not by badges, code or tables', async () => {
    const folder = aFolder({ 'README.md': readme });
    const { sentences } = await summarize({ path: 'README.md', sentences: 3 }, folder);
    expect(sentences).toHaveLength(3);
    expect(sentences[0]).toBe('Kestrel is a queue for messages that must not be lost.');
    expect(sentences.join(' ')).not.toMatch(/npm install|option|\||\[|Bananas/);
  });

  test('sentences come in the order of the text', async () => {
    const folder = aFolder({ 'README.md': readme });
    const { sentences } = await summarize({ path: 'README.md', sentences: 6 }, folder);
    const places = sentences.map((sentence) => squeezed(readme).indexOf(sentence));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  test('of two sentences that say the same only one is taken', async () => {
    const said = 'The red fox jumps over the lazy dog today.';
    const again = 'Today the red fox jumps over the lazy dog.';
    const other = 'Ships sail from the harbour every single morning.';
    const { sentences } = await summarize({ text: `${said} ${again} ${other}`, sentences: 2 });
    expect(sentences).toEqual([said, other]);
  });

  test('never invents: each sentence stands in the text, once, in order, and there are no more than asked for', async () => {
    const word = fc.constantFrom(
      'fox',
      'dog',
      'runs',
      'Über',
      'the',
      'e.g.',
      'Dr.',
      '3.14',
      '世界',
      'node.js',
      '"quoted"',
      '—',
    );
    const end = fc.constantFrom('. ', '! ', '? ', '。', '.\n', '\n\n', ': ', ' ');
    const sentence = fc
      .tuple(fc.array(word, { minLength: 1, maxLength: 9 }), end)
      .map(([words, mark]) => words.join(' ') + mark);
    const text = fc.array(sentence, { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
    const folder = aFolder();
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (given, most) => {
        const { sentences, summary } = await summarize({ text: given, sentences: most, format: 'plain' }, folder);
        expect(sentences.length).toBeLessThanOrEqual(most);
        expect(summary).toBe(sentences.join(' '));
        let from = 0;
        for (const found of sentences) {
          const at = squeezed(given).indexOf(found, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + found.length;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('the same text gives the same summary', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), async (text) => {
        // A text without a sentence has no summary, each time for the same reason.
        const outcome = () =>
          textSummarize.run({ text }, aContext('/nonexistent')).catch(({ code }: { code: string }) => code);
        const [a, b] = [await outcome(), await outcome()];
        expect(a).toEqual(b);
        if (typeof a === 'string') expect(a).toBe('text_without_sentences');
      }),
      { numRuns: 200 },
    );
  });

  test('a long text is ranked up to the limit and the result says so', async () => {
    const text = Array.from(
      { length: rankedSentencesMax + 50 },
      (_, i) => `Sentence number ${i} tells of thing ${i % 7}.`,
    ).join(' ');
    const summary = await summarize({ text });
    expect(summary).toMatchObject({ sentencesInText: rankedSentencesMax + 50, sentencesRanked: rankedSentencesMax });
  });

  test('a file over the limit is cut there, at a whole character, and the result says so', async () => {
    const folder = aFolder({ 'a.txt': `A first sentence of five words. ${'É'.repeat(textFileBytesMax / 2)}` });
    const summary = await summarize({ path: 'a.txt' }, folder);
    expect(summary).toMatchObject({ truncated: true, sentences: ['A first sentence of five words.'] });
  });

  test.each([
    ['text without sentences', 'x'.repeat(150_000)],
    ['marks', '*_`[<'.repeat(30_000)],
    ['long characters', '漢字'.repeat(70_000)],
    ['long sentences', `${'字词'.repeat(500)}。`.repeat(60)],
  ])('%s ends soon and stays small', async (_, text) => {
    const startedAt = performance.now();
    const summary = await summarize({ text, sentences: 20 });
    expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThan(outputBytesMax);
    // Ten times what it takes here; a time that grows with the square of the text would be minutes.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('a text that holds no sentence fails and says so, soon', async () => {
    for (const text of ['\n'.repeat(150_000), '```\ncode\n```', '![a](b)'])
      await expect(summarize({ text, format: 'markdown' })).rejects.toMatchObject({ code: 'text_without_sentences' });
  });

  test('a text without full stops is taken by its lines, and one without lines in pieces', async () => {
    const line = (n: number) => `the robot number ${n} moved from door ${n} to door ${n + 1} and waited there`;
    const text = Array.from({ length: 40 }, (_, n) => line(n)).join('\n');
    for (const format of ['plain', 'markdown'] as const) {
      const { sentences, sentencesInText } = await summarize({ text, sentences: 20, format });
      expect(sentencesInText).toBe(40);
      expect(sentences.length).toBeGreaterThan(0);
      for (const sentence of sentences) expect(text.split('\n')).toContain(sentence);
    }
    const endless = 'one word after another '.repeat(300).trim();
    const pieces = await summarize({ text: endless, sentences: 20 });
    expect(pieces.sentencesInText).toBeGreaterThan(4);
    for (const sentence of pieces.sentences) expect(endless).toContain(sentence);
    const pairs = (await summarize({ text: `${'😀'.repeat(5_000)}a`, sentences: 20 })).sentences.join('');
    expect(pairs.isWellFormed()).toBe(true);
  });

  test.each([
    ['neither text nor path', {}],
    ['both text and path', { text: 'a', path: 'a' }],
    ['no sentences', { text: 'a', sentences: 0 }],
    ['too many sentences', { text: 'a', sentences: 21 }],
    ['an unknown field', { text: 'a', model: 'x' }],
  ])('%s is refused', (_, input) => {
    expect(textSummarize.input.safeParse(input).success).toBe(false);
  });

  test('a file that is not text is refused', async () => {
    const folder = aFolder({ 'a.md': new Uint8Array([0xff, 0xfe, 0x00]), 'b.md': 'a\0b' });
    await expect(summarize({ path: 'a.md' }, folder)).rejects.toMatchObject({ code: 'text_unreadable' });
    await expect(summarize({ path: 'b.md' }, folder)).rejects.toMatchObject({ code: 'text_unreadable' });
  });

  test('an aborted run rejects with the reason', async () => {
    const reason = new Error('cancelled');
    const controller = new AbortController();
    const context = aContext(aFolder(), { signal: controller.signal, progress: () => controller.abort(reason) });
    await expect(textSummarize.run({ text: 'A sentence of some words.' }, context)).rejects.toBe(reason);
  });

  test('progress never falls and ends at one', async () => {
    const fractions: number[] = [];
    await textSummarize.run(
      { text: readme },
      aContext(aFolder(), { progress: (fraction) => fractions.push(fraction) }),
    );
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  });
});

describe('sentences', () => {
  test.each([
    ['It works, e.g. here. Next one.', ['It works, e.g. here.', 'Next one.']],
    ['Dr. Smith met J. Doe. They talked.', ['Dr. Smith met J. Doe.', 'They talked.']],
    ['See Fig. 2 for more. Then go.', ['See Fig. 2 for more.', 'Then go.']],
    ['We use node.js and v1.2.3 here. Good.', ['We use node.js and v1.2.3 here.', 'Good.']],
    ['これはペンです。それは本です。', ['これはペンです。', 'それは本です。']],
    ['Really? Yes! No.', ['Really?', 'Yes!', 'No.']],
    ['Das gilt z. B. hier. Und dort.', ['Das gilt z. B. hier.', 'Und dort.']],
    [
      'Er kam am 3. Juni in das Lager. Am 31. August holte sie 7000 Euro ab. Es ging um ca. 600 Euro im Jahr.',
      ['Er kam am 3. Juni in das Lager.', 'Am 31. August holte sie 7000 Euro ab.', 'Es ging um ca. 600 Euro im Jahr.'],
    ],
    ['Er wohnt im 3. Stock. Sie war die 2. Siegerin.', ['Er wohnt im 3. Stock.', 'Sie war die 2. Siegerin.']],
    ['It was built in 1986. What a year.', ['It was built in 1986.', 'What a year.']],
    [
      'Every robot waits in zone d. The door is open now. The answer was no. We stopped. Take plan B. The rest is gone.',
      [
        'Every robot waits in zone d.',
        'The door is open now.',
        'The answer was no.',
        'We stopped.',
        'Take plan B.',
        'The rest is gone.',
      ],
    ],
    ['See no. 5 and ch. 2. They matter.', ['See no. 5 and ch. 2.', 'They matter.']],
    ['Bring pens, paper, etc. The rest is here.', ['Bring pens, paper, etc.', 'The rest is here.']],
  ])('%s', (text, sentences) => {
    expect(sentencesOf(text)).toEqual(sentences);
  });
});
