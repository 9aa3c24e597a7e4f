// text.summarize: the sentences that speak for a text, as they stand in it. Extractive: it writes nothing of its own.

import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { rankedSentencesMax, sentenceLengthMax } from './limits.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { type Prose, proseOf, textFields, withOneText } from './text/paragraphs.ts';
import { sentencesOf } from './text/sentences.ts';
import { type RankedInput, type Ranking, rankSentences, similarity } from './text/text-rank.ts';
import { wordsOf } from './text/words.ts';

/** The result of `text.summarize`. */
export const summarySchema = z.strictObject({
  method: z.literal('extractive').describe('every sentence stands in the text; none is written anew'),
  algorithm: z.literal('textrank').describe('TextRank over tf-idf cosine similarity with a position prior'),
  summary: z.string().describe('the sentences, joined'),
  sentences: z.array(z.string()).describe('in the order of the text'),
  sentencesInText: z.int().nonnegative(),
  sentencesRanked: z.int().nonnegative().describe('fewer than in the text when it is longer than can be ranked'),
  truncated: z.boolean().describe('whether the file was longer than 512 KiB and cut there'),
});

type Summary = z.infer<typeof summarySchema>;

/** Sentences shorter are labels, longer ones lists or unpunctuated text. In words. */
const wordsMin = 4;
const wordsMax = 60;

/** Two sentences more alike than this say the same, and one of them is enough. */
const sameAbove = 0.65;

interface Sentence extends RankedInput {
  readonly heading: string | null;
}

/** `text.summarize`: the most telling sentences of a text or a granted file. */
export const textSummarize = defineOperation({
  name: 'text.summarize',
  version: '1.1.0',
  summary: 'Picks the sentences that best stand for a text or Markdown file, without a model and without rewriting.',
  input: withOneText(
    z.strictObject({ ...textFields, sentences: z.int().min(1).max(20).optional().describe('how many; 5 unless said') }),
  ),
  output: summarySchema,
  priceMicro: 1_000,
  leaseMs: 30_000,
  async run(input, context): Promise<Summary> {
    const prose = await proseOf(input, context);
    context.signal.throwIfAborted();
    context.progress(0.3, 'read');
    const all = weightedSentences(prose);
    if (all.length === 0) throw new OperationFailure('text_without_sentences', 'the text holds no sentence to pick');
    const candidates = all.slice(0, rankedSentencesMax);
    // Lets an abort through before the one step that takes time.
    await setImmediate();
    context.signal.throwIfAborted();
    const ranking = rankSentences(candidates);
    context.progress(0.9, 'ranked');
    const chosen = choose(candidates, ranking, input.sentences ?? 5);
    context.progress(1);
    return {
      method: 'extractive',
      algorithm: 'textrank',
      summary: chosen.join(' '),
      sentences: chosen,
      sentencesInText: all.length,
      sentencesRanked: candidates.length,
      truncated: prose.truncated,
    };
  },
});

/** The sentences of the prose with a prior: the opening counts most, then the start of each section, list items least. */
function weightedSentences(prose: Prose): Sentence[] {
  const sentences: Sentence[] = [];
  let heading: string | null | undefined;
  for (const paragraph of prose.paragraphs) {
    const opensSection = paragraph.heading !== heading;
    heading = paragraph.heading;
    for (const [index, text] of sentencesOf(paragraph.text, sentenceLengthMax).entries()) {
      const early = 3 / (1 + sentences.length / 2);
      const opening = index === 0 ? (opensSection ? 0.6 : 0.3) : 0;
      const place = paragraph.kind === 'item' ? 0.25 : 1;
      sentences.push({ text, heading: paragraph.heading, weight: (0.2 + early + opening) * place });
    }
  }
  return sentences;
}

/** The best sentences that differ from each other, in the order of the text. Labels are taken only if nothing else is there. */
function choose(sentences: readonly Sentence[], ranking: Ranking, most: number): string[] {
  const order = sentences
    .map((sentence, index) => ({ index, score: (ranking.scores[index] ?? 0) * readability(sentence.text) }))
    .sort((a, b) => b.score - a.score || a.index - b.index);
  const readable = order.filter(({ score }) => score > 0);
  const chosen: number[] = [];
  for (const { index } of readable.length > 0 ? readable : order) {
    if (chosen.length >= most) break;
    const vector = ranking.vectors[index] ?? new Map();
    const said = chosen.some((other) => similarity(vector, ranking.vectors[other] ?? new Map()) > sameAbove);
    if (!said) chosen.push(index);
  }
  return chosen.sort((a, b) => a - b).map((index) => sentences[index]?.text ?? '');
}

/** Nought for what no one would quote, one for a sentence of good length, less for others. */
function readability(sentence: string): number {
  const { length } = wordsOf(sentence);
  if (length < wordsMin || length > 3 * wordsMax) return 0;
  // A colon points at what is left out below it, a question at its answer; a line without an end is a label.
  const ended = /[.!。！…)"”]$/.test(sentence);
  const ending = ended ? 1 : /[:：?？]$/.test(sentence) ? 0.3 : length < 8 ? 0.2 : 0.6;
  return ending * (length > wordsMax ? 0.5 : length < 6 ? 0.6 : 1);
}
