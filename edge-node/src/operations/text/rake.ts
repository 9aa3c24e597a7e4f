// Finds key phrases by RAKE (Rose, Engel, Cramer and Cowley, 2010): runs of meaningful words between function words and
// punctuation; a word scores by degree over frequency, a phrase by its words. Weighted here by how often the phrase is
// said, since plain RAKE favours what is long and said once.

import { type Word, wordsOf } from './words.ts';

/** A key phrase as it first stands in the text. */
export interface KeyPhrase {
  readonly phrase: string;
  readonly score: number;
  /** How often it is said, in any case. */
  readonly count: number;
}

interface Candidate {
  readonly phrase: string;
  readonly keys: readonly string[];
  count: number;
}

const phraseWordsMax = 3;

/** A longer phrase holds a word that is none: a key, a digest, data. */
const phraseLengthMax = 80;

/** The key phrases of some paragraphs, best first; equal scores in alphabetical order. */
export function keyPhrases(paragraphs: readonly string[], most: number): KeyPhrase[] {
  const candidates = new Map<string, Candidate>();
  for (const paragraph of paragraphs) for (const run of runsOf(paragraph)) addCandidates(paragraph, run, candidates);
  const wordScores = scoreWords(candidates);
  const phrases = [...candidates.values()]
    .map(({ phrase, keys, count }) => {
      const sum = keys.reduce((total, key) => total + (wordScores.get(key) ?? 0), 0);
      // The root keeps a phrase of three from beating one word merely by being three.
      return { phrase, count, score: Math.round(1000 * (sum / Math.sqrt(keys.length)) * Math.log2(1 + count)) / 1000 };
    })
    .sort((a, b) => b.score - a.score || (a.phrase < b.phrase ? -1 : 1));
  return best(phrases, most);
}

/** Runs of meaningful words with nothing but spaces or hyphens between them. */
function runsOf(paragraph: string): Word[][] {
  const runs: Word[][] = [];
  let run: Word[] = [];
  let end = -1;
  // An address is no phrase; blanked at the same length, so that words keep their place.
  const prose = paragraph.replace(/\b(?:https?|ftp):\/\/\S+/g, (address) => ' '.repeat(address.length));
  for (const word of wordsOf(prose)) {
    const joined = end !== -1 && /^[ \u00a0'’-]?$/.test(prose.slice(end, word.start));
    if (!word.meaningful || (!joined && run.length > 0)) {
      if (run.length > 0) runs.push(run);
      run = [];
    }
    if (word.meaningful) run.push(word);
    end = word.start + word.text.length;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

function addCandidates(paragraph: string, run: readonly Word[], candidates: Map<string, Candidate>): void {
  // No one would call a longer run a phrase, and where it should part is unknown: its words stand for themselves.
  const parts = run.length <= phraseWordsMax ? [run] : run.map((word) => [word]);
  for (const words of parts) {
    const first = words[0];
    const last = words.at(-1);
    if (first === undefined || last === undefined) continue;
    const phrase = paragraph.slice(first.start, last.start + last.text.length);
    if (phrase.length > phraseLengthMax) continue;
    const keys = words.map((word) => word.key);
    const key = keys.join(' ');
    const known = candidates.get(key);
    if (known !== undefined) known.count += 1;
    else candidates.set(key, { phrase, keys, count: 1 });
  }
}

/** Degree (how many words it stands with, itself included) over frequency, by word; frequent words count more. */
function scoreWords(candidates: ReadonlyMap<string, Candidate>): Map<string, number> {
  const frequency = new Map<string, number>();
  const degree = new Map<string, number>();
  for (const { keys, count } of candidates.values()) {
    for (const key of keys) {
      frequency.set(key, (frequency.get(key) ?? 0) + count);
      degree.set(key, (degree.get(key) ?? 0) + keys.length * count);
    }
  }
  return new Map([...frequency].map(([key, times]) => [key, ((degree.get(key) ?? 0) / times) * Math.log2(1 + times)]));
}

/** The first phrases, those left out whose words all stand in a better one. */
function best(phrases: readonly KeyPhrase[], most: number): KeyPhrase[] {
  const taken: KeyPhrase[] = [];
  const keys: string[] = [];
  for (const phrase of phrases) {
    if (taken.length >= most) break;
    const key = ` ${phrase.phrase.toLowerCase()} `;
    if (keys.some((better) => better.includes(key))) continue;
    keys.push(key);
    taken.push(phrase);
  }
  return taken;
}
