// The prose of a text given in the input or in a granted file, Markdown or plain.

import { z } from 'zod';
import { pathLengthMax, textFileBytesMax, textLengthMax } from '../limits.ts';
import { type OperationContext, OperationFailure } from '../operation.ts';
import { openGranted, readRange } from '../source/source-files.ts';
import { markdownProse, type Paragraph, tidied } from './markdown-prose.ts';

/** The input fields that say which text is meant. */
export const textFields = {
  text: z.string().min(1).max(textLengthMax).optional().describe('the text itself; either this or path'),
  path: z.string().min(1).max(pathLengthMax).optional().describe('a granted file in UTF-8; either this or text'),
  format: z.enum(['markdown', 'plain']).optional().describe('guessed when it is not said'),
};

/** Says in both the check and the JSON Schema that exactly one of `text` and `path` is given. */
export function withOneText<Schema extends z.ZodObject<typeof textFields>>(schema: Schema): Schema {
  return schema
    .refine((input) => (input.text === undefined) !== (input.path === undefined), 'give either text or path')
    .meta({ oneOf: [{ required: ['text'] }, { required: ['path'] }] });
}

/** Prose, and whether the text was cut to the limit. */
export interface Prose {
  readonly paragraphs: readonly Paragraph[];
  readonly truncated: boolean;
}

/** Reads the text and takes its prose. Throws as `openGranted` does, and `text_unreadable` when it is not UTF-8. */
export async function proseOf(
  input: { text?: string | undefined; path?: string | undefined; format?: 'markdown' | 'plain' | undefined },
  context: OperationContext,
): Promise<Prose> {
  const { text, truncated } =
    input.path === undefined ? { text: input.text ?? '', truncated: false } : await textFile(input.path, context);
  const format = input.format ?? (looksLikeMarkdown(text, input.path) ? 'markdown' : 'plain');
  return { paragraphs: format === 'markdown' ? markdownProse(text) : plainParagraphs(text), truncated };
}

async function textFile(path: string, context: OperationContext): Promise<{ text: string; truncated: boolean }> {
  await using file = await openGranted(path, context);
  const bytes = await readRange(file, 0, textFileBytesMax + 1);
  const truncated = bytes.length > textFileBytesMax;
  try {
    // `stream` lets a character cut at the limit pass; it is left off.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(
      bytes.subarray(0, textFileBytesMax),
      {
        stream: truncated,
      },
    );
    if (text.includes('\0')) throw new TypeError('binary');
    return { text, truncated };
  } catch (cause) {
    throw new OperationFailure('text_unreadable', 'the file is not UTF-8 text', { cause });
  }
}

function looksLikeMarkdown(text: string, path: string | undefined): boolean {
  if (path !== undefined) return /\.(?:md|mdx|markdown)$/i.test(path);
  return /^ {0,3}(?:#{1,6}\s|```|~~~|[-*+] \S.*\n {0,3}[-*+] )|\[[^\]\n]{1,200}\]\([^)\n]{1,400}\)/m.test(text);
}

/** Paragraphs of plain text, parted by empty lines. */
function plainParagraphs(text: string): Paragraph[] {
  const normalized = text.replace(/\r\n?/g, '\n');
  return normalized
    .split(/\n[^\S\n]*\n/)
    .map(tidied)
    .filter((part) => part !== '')
    .map((part) => ({ text: part, heading: null, kind: 'paragraph' }));
}
