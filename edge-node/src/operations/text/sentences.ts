// Splits prose into sentences. Every sentence is a piece of the text as it stands, so nothing can be invented.

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Abbreviations after which a sentence usually goes on; the segmenter's rules know none. */
const goesOn =
  /(?:^|[\s(["'])(?:e\.g|i\.e|cf|vs|etc|approx|resp|incl|dr|mr|mrs|ms|prof|st|jr|sr|no|nr|fig|figs|eq|sec|ch|vol|pp?|ed|eds|z\.\s?b|d\.\s?h|u\.\s?a|bzw|ca|usw|p\.\s?ex|\p{Lu})\.\s*$/iu;

/**
 * The sentences of a paragraph, trimmed, in order. A piece that ends in an abbreviation, and one that starts in lower
 * case after a full stop, is joined with its neighbour.
 */
export function sentencesOf(paragraph: string): string[] {
  const spans: { start: number; end: number }[] = [];
  for (const { segment, index } of segmenter.segment(paragraph)) {
    const last = spans.at(-1);
    // An abbreviation is short: looking further back would make the time grow with the square of the text.
    const before = last === undefined ? '' : paragraph.slice(Math.max(last.start, last.end - 24), last.end);
    const joins = last !== undefined && (goesOn.test(before) || /^\p{Ll}/u.test(segment));
    if (joins) last.end = index + segment.length;
    else spans.push({ start: index, end: index + segment.length });
  }
  return spans.map(({ start, end }) => paragraph.slice(start, end).trim()).filter((sentence) => sentence !== '');
}
