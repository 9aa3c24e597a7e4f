// Finds key phrases by RAKE (Rose, Engel, Cramer and Cowley, 2010): runs of meaningful words between function words and
// punctuation; a word scores by degree over frequency, a phrase by its words. Weighted here by how often the phrase is
// said, and pieces of runs that are said again count too, since plain RAKE favours what is long and said once.

import { shown, type Word, wordsOf } from './words.ts';

/** A key phrase as it first stands in the text. */
export interface KeyPhrase {
  readonly phrase: string;
  readonly score: number;
  /** How often it is said, in any case. */
  readonly count: number;
}

const phraseWordsMax = 3;

/** A longer phrase holds a word that is none: a key, a digest, data. */
const phraseLengthMax = 80;

/** The key phrases of some paragraphs, best first; equal scores in alphabetical order. */
export function keyPhrases(paragraphs: readonly string[], most: number): KeyPhrase[] {
  const counts = new Map<string, number>();
  const scores = new WordScores();
  for (const run of allRuns(paragraphs)) {
    scores.add(run);
    for (const words of partsOf(run)) counts.set(keyOf(words), (counts.get(keyOf(words)) ?? 0) + 1);
  }
  const candidates = new Map<string, KeyPhrase>();
  for (const run of allRuns(paragraphs)) {
    for (const words of partsOf(run)) {
      const key = keyOf(words);
      const count = counts.get(key) ?? 1;
      if (candidates.has(key) || !isCandidate(words, run, count, counts)) continue;
      const phrase = shown(run.text.slice(words[0]?.start, endOf(words)));
      // The root keeps a phrase of three from beating one word merely by being three.
      const score = (scores.sum(words) / Math.sqrt(words.length)) * Math.log2(1 + count);
      if (phrase.length <= phraseLengthMax)
        candidates.set(key, { phrase, count, score: Math.round(1000 * score) / 1000 });
    }
  }
  const phrases = [...candidates.values()].sort((a, b) => b.score - a.score || (a.phrase < b.phrase ? -1 : 1));
  return best(phrases, most);
}

/** Meaningful words with nothing but a space or a hyphen between them, and the paragraph they stand in. */
interface Run {
  readonly text: string;
  readonly words: readonly Word[];
}

function* allRuns(paragraphs: readonly string[]): Generator<Run> {
  for (const text of paragraphs) {
    let run: Word[] = [];
    let end = -1;
    // An address is no phrase; blanked at the same length, so that words keep their place.
    const prose = text.replace(/\b(?:https?|ftp):\/\/\S+/g, (address) => ' '.repeat(address.length));
    for (const word of wordsOf(prose)) {
      const joined = end !== -1 && /^[ \n\u00a0'’-]?$/.test(prose.slice(end, word.start));
      if (!word.meaningful || (!joined && run.length > 0)) {
        if (run.length > 0) yield { text, words: run };
        run = [];
      }
      if (word.meaningful) run.push(word);
      end = word.start + word.text.length;
    }
    if (run.length > 0) yield { text, words: run };
  }
}

/** Every piece of a run that is short enough to be a phrase. */
function* partsOf({ words }: Run): Generator<readonly Word[]> {
  for (let start = 0; start < words.length; start += 1) {
    for (let end = start + 1; end <= Math.min(words.length, start + phraseWordsMax); end += 1)
      yield words.slice(start, end);
  }
}

function keyOf(words: readonly Word[]): string {
  return words.map((word) => word.key).join(' ');
}

function endOf(words: readonly Word[]): number | undefined {
  const last = words.at(-1);
  return last === undefined ? undefined : last.start + last.text.length;
}

/** A piece counts when it is said again, or is a whole run, or a word of a run too long to be a phrase. */
function isCandidate(words: readonly Word[], run: Run, count: number, counts: ReadonlyMap<string, number>): boolean {
  if (words.length === run.words.length) return true;
  if (count === 1) return words.length === 1 && run.words.length > phraseWordsMax;
  // What is only ever said inside one longer phrase is told by that phrase.
  const start = run.words.indexOf(words[0] as Word); // A piece has at least one word, which is of its run.
  const end = start + words.length;
  const longer = [run.words.slice(Math.max(0, start - 1), end), run.words.slice(start, end + 1)];
  return !longer.some(
    (more) => more.length > words.length && more.length <= phraseWordsMax && counts.get(keyOf(more)) === count,
  );
}

/** RAKE's score of words: degree (how many words each stands with, itself included) over frequency. */
class WordScores {
  readonly #frequency = new Map<string, number>();
  readonly #degree = new Map<string, number>();

  add({ words }: Run): void {
    for (const { key } of words) {
      this.#frequency.set(key, (this.#frequency.get(key) ?? 0) + 1);
      this.#degree.set(key, (this.#degree.get(key) ?? 0) + Math.min(words.length, phraseWordsMax));
    }
  }

  /** Of some words together; words said often count more. */
  sum(words: readonly Word[]): number {
    return words.reduce((total, { key }) => {
      const times = this.#frequency.get(key) ?? 1;
      return total + ((this.#degree.get(key) ?? 1) / times) * Math.log2(1 + times);
    }, 0);
  }
}

/** The first phrases, those left out that stand in a better one, or that say a better one once more with a word added. */
function best(phrases: readonly KeyPhrase[], most: number): KeyPhrase[] {
  const taken: KeyPhrase[] = [];
  const keys: string[] = [];
  for (const phrase of phrases) {
    if (taken.length >= most) break;
    const key = ` ${phrase.phrase.toLowerCase()} `;
    if (keys.some((better) => better.includes(key) || (phrase.count === 1 && key.includes(better)))) continue;
    keys.push(key);
    taken.push(phrase);
  }
  return taken;
}
