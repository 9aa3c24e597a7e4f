// Ranks sentences by how much of the text they speak for. TextRank (Mihalcea and Tarau, 2004) over the similarity of
// LexRank (Erkan and Radev, 2004): cosine of tf-idf vectors, each sentence a document; with a prior by position, as in a
// personalized PageRank, because authors say what matters first.

import { stemOf, wordsOf } from './words.ts';

/** A sentence to rank; `weight` is its prior, above nought. */
export interface RankedInput {
  readonly text: string;
  readonly weight: number;
}

/** Sparse vector of length one: word to weight. */
type Vector = ReadonlyMap<string, number>;

/** How much of a score comes from neighbours; the rest is the prior. Lower than the web's 0.85: authors open with what matters. */
const damping = 0.6;
const iterationsMax = 60;
const settled = 1e-6;

/** The vectors of sentences and a score for each; the scores sum to one. */
export interface Ranking {
  readonly vectors: readonly Vector[];
  readonly scores: readonly number[];
}

/** Scores every sentence. Time and memory grow with the square of their number; the caller limits it. */
export function rankSentences(sentences: readonly RankedInput[]): Ranking {
  const vectors = vectorsOf(sentences.map((sentence) => sentence.text));
  const links = linksOf(vectors);
  const total = sentences.reduce((sum, sentence) => sum + sentence.weight, 0);
  const prior = sentences.map((sentence) => sentence.weight / total);
  let scores: number[] = [...prior];
  for (let iteration = 0; iteration < iterationsMax; iteration += 1) {
    const next = step(scores, links, prior);
    const change = next.reduce((sum, score, index) => sum + Math.abs(score - (scores[index] ?? 0)), 0);
    scores = next;
    if (change < settled) break;
  }
  return { vectors, scores };
}

/** Cosine of two vectors of length one. */
export function similarity(a: Vector, b: Vector): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let sum = 0;
  for (const [word, weight] of small) sum += weight * (large.get(word) ?? 0);
  return sum;
}

function vectorsOf(sentences: readonly string[]): Vector[] {
  const counts = sentences.map((sentence) => {
    const words = new Map<string, number>();
    for (const word of wordsOf(sentence)) {
      const stem = stemOf(word.key);
      if (word.meaningful) words.set(stem, (words.get(stem) ?? 0) + 1);
    }
    return words;
  });
  const inSentences = new Map<string, number>();
  for (const words of counts) for (const word of words.keys()) inSentences.set(word, (inSentences.get(word) ?? 0) + 1);
  return counts.map((words) => {
    const weighted = [...words].map(([word, times]): [string, number] => {
      return [word, times * Math.log(1 + sentences.length / (inSentences.get(word) ?? 1))];
    });
    const length = Math.hypot(...weighted.map(([, weight]) => weight)) || 1;
    return new Map(weighted.map(([word, weight]) => [word, weight / length]));
  });
}

interface Link {
  readonly to: number;
  readonly share: number;
}

/** For each sentence its neighbours with the share of its score that goes to each. */
function linksOf(vectors: readonly Vector[]): Link[][] {
  const weights: { to: number; weight: number }[][] = vectors.map(() => []);
  for (const [from, a] of vectors.entries()) {
    for (const [to, b] of vectors.entries()) {
      if (to <= from) continue;
      const weight = similarity(a, b);
      if (weight === 0) continue;
      weights[from]?.push({ to, weight });
      weights[to]?.push({ to: from, weight });
    }
  }
  return weights.map((neighbours) => {
    const total = neighbours.reduce((sum, { weight }) => sum + weight, 0);
    return neighbours.map(({ to, weight }) => ({ to, share: weight / total }));
  });
}

function step(scores: readonly number[], links: readonly Link[][], prior: readonly number[]): number[] {
  const next = prior.map((weight) => (1 - damping) * weight);
  let lost = 0;
  for (const [from, score] of scores.entries()) {
    const neighbours = links[from] ?? [];
    if (neighbours.length === 0) lost += damping * score;
    for (const { to, share } of neighbours) next[to] = (next[to] ?? 0) + damping * score * share;
  }
  // A sentence without neighbours gives its score back by the prior, so that the sum stays one.
  return next.map((score, index) => score + lost * (prior[index] ?? 0));
}
