// Splits prose into sentences. Every sentence is a piece of the text as it stands, so nothing can be invented.

import { cutText } from '../../../../core/cut-text.ts';
import { stopWords } from './stop-words.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Abbreviations after which a sentence goes on, whatever comes; the segmenter's rules know none. */
const goesOn =
  /(?:^|[\s(["'])(?:e\.g|i\.e|cf|vs|resp|incl|dr|mr|mrs|ms|prof|st|z\.\s?b|d\.\s?h|u\.\s?a|bzw|p\.\s?ex)\.\s*$/iu;
/** The same before a number: without one `no.` is an answer. */
const goesOnWithNumber = /(?:^|[\s(["'])(?:approx|ca|no|nos|nr|fig|figs|eq|sec|ch|vol|pp?|art|abb|bd)\.\s*$/iu;
/** The initial of a name. */
const initial = /(?:^|[\s(["'])\p{Lu}\.\s*$/u;
/** A German ordinal: a number behind an article or a preposition. */
const ordinal =
  /(?:^|[\s(])(?:am|im|zum|zur|vom|beim|der|die|das|dem|den|des|einem|einer|seit|bis|ab|jede[mnrs]?|diese[mnrs]?|und)\s+\d{1,3}\.\s*$/iu;
const beforeMonth = /(?:^|\s)\d{1,2}\.\s*$/u;
const month =
  /^(?:Januar|Jänner|Februar|Feber|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jan|Feb|Apr|Jun|Jul|Aug|Sept?|Okt|Nov|Dez)(?!\p{L})/u;

/** An abbreviation and what stands before it are short: looking further back would make the time grow with the square. */
const lookBack = 32;

/**
 * The sentences of a paragraph on one line each, trimmed, in order. A piece that ends in an abbreviation, an initial or an
 * ordinal, and one that starts in lower case after a full stop, is joined with its neighbour. What is longer than `lengthMax`
 * has no full stops: its lines are its sentences, cut at a space where a line is too long itself.
 */
export function sentencesOf(paragraph: string, lengthMax = Number.POSITIVE_INFINITY): string[] {
  // A line break is a space to the segmenter; it stays where it is, so places stay too.
  const flat = paragraph.replaceAll('\n', ' ');
  const spans: { start: number; end: number }[] = [];
  for (const { segment, index } of segmenter.segment(flat)) {
    const last = spans.at(-1);
    const before = last === undefined ? '' : flat.slice(Math.max(last.start, last.end - lookBack), last.end);
    if (last !== undefined && isOne(before, segment)) last.end = index + segment.length;
    else spans.push({ start: index, end: index + segment.length });
  }
  return spans
    .map(({ start, end }) => paragraph.slice(start, end))
    .flatMap((sentence) => (sentence.trim().length <= lengthMax ? [sentence] : piecesOf(sentence, lengthMax)))
    .map((sentence) => sentence.replaceAll('\n', ' ').trim())
    .filter((sentence) => sentence !== '');
}

/** The two halves of `z. B.` or `d. h.`, which the segmenter parts. */
const letterOnly = /(?:^|[\s(["'])\p{Ll}\.\s*$/u;
const startsWithLetterOnly = /^\p{L}\.(?:\s|$)/u;

/** Whether a sentence goes on from what ends in `before` to `next`. */
function isOne(before: string, next: string): boolean {
  if (/^\p{Ll}/u.test(next) || goesOn.test(before)) return true;
  if (letterOnly.test(before) && startsWithLetterOnly.test(next)) return true;
  if (/^\p{N}/u.test(next)) return goesOnWithNumber.test(before);
  if (ordinal.test(before)) return true;
  if (beforeMonth.test(before)) return month.test(next);
  // `J. Smith`, but not `zone D. The door`: a name is no function word.
  return initial.test(before) && !stopWords.has((/^[\p{L}\p{M}]+/u.exec(next)?.[0] ?? '').toLowerCase());
}

/** The lines of a text without full stops; a line that is too long is cut at its last space, or where it must be. */
function piecesOf(text: string, lengthMax: number): string[] {
  return text.split('\n').flatMap((line) => {
    const pieces: string[] = [];
    let rest = line.trim();
    while (rest.length > lengthMax) {
      const space = rest.lastIndexOf(' ', lengthMax);
      const piece = space > 0 ? rest.slice(0, space) : cutText(rest, lengthMax);
      pieces.push(piece);
      rest = rest.slice(piece.length).trimStart();
    }
    return [...pieces, rest];
  });
}
