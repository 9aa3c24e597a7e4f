// Splits text into words, in any script, by the rules of Unicode (UAX 29) as Intl.Segmenter knows them.

import { stopWords } from './stop-words.ts';

/** A word as it stands in the text, and in the form it is compared by. */
export interface Word {
  readonly text: string;
  /** Lower case, normalized; words that differ only so are one. */
  readonly key: string;
  /** Where it starts in the text, in UTF-16 units. */
  readonly start: number;
  /** Whether it carries meaning: not a function word, not a number, not a single letter of an alphabet. */
  readonly meaningful: boolean;
}

// The locale matters little: scripts without spaces are segmented by dictionary whatever it is. It is fixed so that every
// device gives the same result.
const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** The words of a text in order; spaces and punctuation are left out. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const { segment, index, isWordLike } of segmenter.segment(text)) {
    if (!isWordLike) continue;
    const key = segment.normalize('NFKC').toLowerCase();
    words.push({ text: segment, key, start: index, meaningful: isMeaningful(key) });
  }
  return words;
}

/** The form by which plurals and their singular are one, where an `s` makes the difference. */
export function stemOf(key: string): string {
  return key.length > 3 && /[^s']s$/.test(key) ? key.slice(0, -1) : key;
}

function isMeaningful(key: string): boolean {
  if (stopWords.has(key) || !/\p{L}/u.test(key)) return false;
  // A single letter says nothing; a single character of a script of words or syllables may be a word.
  return key.length > 1 ? !/^\p{Script=Hiragana}+$/u.test(key) : /\p{Script=Han}/u.test(key);
}
