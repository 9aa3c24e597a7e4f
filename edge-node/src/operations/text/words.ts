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

/** What stands between the parts of `COVID-19`: hyphens. */
const hyphen = /^[-\u2010\u2011]$/;
/** What belongs to the word before it: `C++`, `C#`. */
const suffix = /^(?:\+\+|#)(?![\p{L}\p{N}+#])/u;

/** Code points that nobody sees and that comparing leaves out: soft hyphens, joiners, marks of direction (UTS 10). */
const invisible = /\p{Default_Ignorable_Code_Point}+/gu;

/** The words of a text in order; spaces and punctuation are left out. A name with a number behind a hyphen is one word. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  /** The word so far, and where it ends; a hyphen behind it may join what follows. */
  let open: { start: number; end: number; hasHyphen: boolean } | null = null;
  const close = () => {
    if (open === null) return;
    const behind = suffix.exec(text.slice(open.end, open.end + 3))?.[0] ?? '';
    const end = /\p{L}$/u.test(text.slice(open.start, open.end)) ? open.end + behind.length : open.end;
    const word = text.slice(open.start, end);
    const key = keyOfWord(word);
    if (key !== '') words.push({ text: word, key, start: open.start, meaningful: isMeaningful(key) });
    open = null;
  };
  for (const { segment, index, isWordLike } of segmenter.segment(text)) {
    const before = open as { start: number; end: number; hasHyphen: boolean } | null; // written in `close`
    if (isWordLike) {
      const isJoined = before?.hasHyphen === true && hasDigitOnOneSide(text.slice(before.start, before.end), segment);
      if (before !== null && isJoined) {
        before.end = index + segment.length;
        before.hasHyphen = false;
        continue;
      }
      close();
      open = { start: index, end: index + segment.length, hasHyphen: false };
    } else if (before !== null && !before.hasHyphen && before.end === index && hyphen.test(segment)) {
      before.hasHyphen = true;
    } else close();
  }
  close();
  return words;
}

/** `COVID` and `19`, `SARS-CoV` and `2`: parts of one name. Two words are two, and two numbers a range. */
function hasDigitOnOneSide(before: string, after: string): boolean {
  const [left, right] = [/\p{L}/u.test(before), /\p{L}/u.test(after)];
  return (left && /^\p{N}/u.test(after)) || (right && /^\p{N}+$/u.test(before));
}

/**
 * The form by which a word is compared: composed alike, without what nobody sees, and in one case. Upper before lower, so that
 * `Straße` and `STRASSE` are one, and without the dot that stays of a Turkish `İ`.
 */
export function keyOfWord(word: string): string {
  const plain = word.normalize('NFKC').replace(invisible, '');
  return plain
    .toUpperCase()
    .toLowerCase()
    .replace(/i\u0307/g, 'i')
    .normalize('NFC');
}

/** A phrase as people see it: on one line, without what nobody sees. */
export function shown(phrase: string): string {
  return phrase.replace(invisible, '').replace(/\s+/g, ' ');
}

const functionWords: ReadonlySet<string> = new Set([...stopWords].map(keyOfWord));

/** The form by which plurals and their singular are one, where an `s` makes the difference. */
export function stemOf(key: string): string {
  return key.length > 3 && /[^s']s$/.test(key) ? key.slice(0, -1) : key;
}

function isMeaningful(key: string): boolean {
  if (functionWords.has(key) || !/\p{L}/u.test(key)) return false;
  // A single letter says nothing; a single character of a script of words or syllables may be a word.
  return key.length > 1 ? !/^\p{Script=Hiragana}+$/u.test(key) : /\p{Script=Han}/u.test(key);
}
