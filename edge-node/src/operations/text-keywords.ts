// text.keywords: the phrases a text is about, as they stand in it.

import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { defineOperation } from './operation.ts';
import { proseOf, textFields, withOneText } from './text/paragraphs.ts';
import { keyPhrases } from './text/rake.ts';

/** The result of `text.keywords`. */
export const keywordsSchema = z.strictObject({
  algorithm: z.literal('rake').describe('RAKE, weighted by how often a phrase is said'),
  keywords: z
    .array(z.strictObject({ phrase: z.string(), score: z.number(), count: z.int().positive() }))
    .describe('best first; each as it first stands in the text'),
  truncated: z.boolean().describe('whether the file was longer than 512 KiB and cut there'),
});

type Keywords = z.infer<typeof keywordsSchema>;

/** `text.keywords`: key phrases of a text or a granted file. */
export const textKeywords = defineOperation({
  name: 'text.keywords',
  version: '1.1.0',
  summary: 'Finds the key phrases of a text or Markdown file, in any script, without a model.',
  input: withOneText(
    z.strictObject({ ...textFields, limit: z.int().min(1).max(100).optional().describe('how many; 10 unless said') }),
  ),
  output: keywordsSchema,
  priceMicro: 500,
  leaseMs: 30_000,
  async run(input, context): Promise<Keywords> {
    const prose = await proseOf(input, context);
    context.progress(0.3, 'read');
    // Lets an abort through before the one step that takes time.
    await setImmediate();
    context.signal.throwIfAborted();
    const keywords = keyPhrases(
      prose.paragraphs.map((paragraph) => paragraph.text),
      input.limit ?? 10,
    );
    context.progress(1);
    return { algorithm: 'rake', keywords, truncated: prose.truncated };
  },
});
