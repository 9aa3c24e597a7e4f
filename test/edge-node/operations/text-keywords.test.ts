import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOfWord } from '../../../edge-node/src/operations/text/words.ts';
import { textKeywords } from '../../../edge-node/src/operations/text-keywords.ts';
import { aContext, aFolder, anAbortedContext } from './a-folder.ts';

async function phrases(text: string, limit = 10, format: 'plain' | 'markdown' = 'plain'): Promise<string[]> {
  const { keywords } = await textKeywords.run({ text, limit, format }, aContext(aFolder()));
  return keywords.map(({ phrase }) => phrase);
}

describe('text.keywords', () => {
  test('finds the phrases that are said often and stand together', async () => {
    const text =
      'The merge queue takes one change at a time. A merge queue keeps the main branch green. ' +
      'Without a merge queue, the main branch breaks.';
    expect((await phrases(text, 2)).toSorted()).toEqual(['main branch', 'merge queue']);
  });

  test.each([
    ['German', 'Der Datenbankserver speichert die Messwerte. Der Datenbankserver ist schnell.', 'Datenbankserver'],
    ['French', "Le serveur garde les mesures. Le serveur envoie les mesures à l'équipe.", 'serveur'],
    ['Japanese', '東京タワーは高い。東京タワーは赤い。東京タワーが好き。', '東京'],
    ['Chinese', '数据库存储数据。数据库很快。数据库很大。', '数据库'],
    ['Russian', 'Сервер хранит данные. Сервер быстрый.', 'Сервер'],
    ['Arabic', 'الخادم سريع. الخادم كبير.', 'الخادم'],
  ])('works in %s', async (_, text, expected) => {
    expect((await phrases(text, 4)).join(' ')).toContain(expected);
  });

  test('counts a phrase in any case as one', async () => {
    const { keywords } = await textKeywords.run({ text: 'Edge nodes. EDGE NODES; edge nodes!' }, aContext(aFolder()));
    expect(keywords).toMatchObject([{ phrase: 'Edge nodes', count: 3 }]);
  });

  test('leaves out code, addresses, numbers and function words', async () => {
    const text = '# Head\n\nThe 42 of https://example.com/path and the `inline`.\n\n```\nhidden words\n```\n';
    expect(await phrases(text, 10, 'markdown')).toEqual(['inline']);
  });

  test('each phrase stands in the text, none twice, best first, no more than asked for', async () => {
    const word = fc.constantFrom(
      'edge',
      'Node',
      'swarm',
      'the',
      'of',
      'ledger',
      '42',
      'größe',
      '東京',
      'x',
      '-',
      ', ',
      '. ',
      '\n\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        async (words, limit) => {
          const text = words.join(' ');
          const { keywords } = await textKeywords.run({ text, limit, format: 'plain' }, aContext('/nonexistent'));
          expect(keywords.length).toBeLessThanOrEqual(limit);
          const keys = keywords.map(({ phrase }) => phrase.toLowerCase());
          expect(new Set(keys).size).toBe(keys.length);
          for (const { phrase, count } of keywords) {
            expect(text.replace(/\s+/g, ' ')).toContain(phrase);
            expect(count).toBeGreaterThan(0);
          }
          const scores = keywords.map(({ score }) => score);
          expect(scores).toEqual(scores.toSorted((a, b) => b - a));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('names with numbers and signs are whole', async () => {
    const text =
      'COVID-19 spread quickly. Patients with COVID-19 were tested. SARS-CoV-2 causes COVID-19. The virus SARS-CoV-2 mutates. We write C++ and C#. C++ works. From 1990-1995 a well-known robot ran.';
    const { keywords } = await textKeywords.run({ text, limit: 50 }, aContext('/nonexistent'));
    const counts = new Map(keywords.map(({ phrase, count }) => [phrase, count]));
    expect(counts.get('COVID-19')).toBe(3);
    expect(counts.get('SARS-CoV-2')).toBe(2);
    expect(keywords.some(({ phrase }) => phrase.includes('C++'))).toBe(true);
    expect(keywords.some(({ phrase }) => phrase.includes('C#'))).toBe(true);
    expect(keywords.some(({ phrase }) => phrase.includes('1990'))).toBe(false);
  });

  test('what nobody sees makes no other word, and neither does case', async () => {
    const text =
      'The co\u00adoperation went well. The cooperation was long. Our cooperation ends. İstanbul büyük. istanbul güzel. Die Straße. STRASSE.';
    const { keywords } = await textKeywords.run({ text, limit: 50, format: 'plain' }, aContext('/nonexistent'));
    const counted = (phrase: string) => keywords.filter((each) => each.phrase.toLowerCase() === phrase.toLowerCase());
    expect(counted('cooperation')).toMatchObject([{ phrase: 'cooperation', count: 3 }]);
    expect(keywords.filter(({ phrase }) => keyOfWord(phrase) === 'istanbul')).toMatchObject([{ count: 2 }]);
    expect(keywords.find(({ phrase }) => keyOfWord(phrase) === 'strasse')?.count).toBe(2);
  });

  test('reads a granted file and no other', async () => {
    const folder = aFolder({ 'a.md': 'The swarm ledger of a tenant.' });
    const { keywords } = await textKeywords.run({ path: 'a.md' }, aContext(folder));
    expect(keywords.map(({ phrase }) => phrase)).toContain('swarm ledger');
    const outside = textKeywords.run({ path: '../../../etc/hostname' }, aContext(folder));
    await expect(outside).rejects.toMatchObject({ code: 'path_not_granted' });
  });

  test('an aborted run rejects with the reason', async () => {
    const reason = new Error('cancelled');
    await expect(textKeywords.run({ text: 'Some words' }, anAbortedContext(aFolder(), reason))).rejects.toBe(reason);
  });
});
