// Markdown that somebody wrote, as a section of a report: its headings stand below the section's own, and what it leaves open
// ends with it. What is open, markdown-it says, by CommonMark.

import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt('default', { html: true });

/** The section's own heading is of level 2. */
const levelsDown = 2;
const levelMax = 6;

/** Markdown with its headings two levels lower, in either style; code is left as it is. */
export function belowHeading(text: string): string {
  const lines = text.split('\n');
  for (const { type, tag, map, level } of markdown.parse(text, {})) {
    if (type !== 'heading_open' || map === null || level > 0) continue;
    const [from, to] = map;
    const hashes = '#'.repeat(Math.min(Number(tag.slice(1)) + levelsDown, levelMax));
    // A heading that is underlined takes several lines, and becomes one of the other style.
    const words = lines.slice(from, Math.max(from + 1, to - 1)).join(' ');
    lines[from] = `${hashes} ${words.trim().replace(/^#{1,6}(?=\s|$)\s*/, '')}`.trimEnd();
    for (let line = from + 1; line < to; line += 1) lines[line] = '';
  }
  return lines.join('\n');
}

/** What may stay open to the end of a text: HTML of several kinds (CommonMark 4.6); a fence is closed by its own mark. */
const HTML_ENDS = ['-->', '?>', ']]>', '>', '</script>', '</pre>', '</style>', '</textarea>'];

/** A text after which a heading is a heading: an open fence or an open comment is closed. */
export function closed(text: string): string {
  if (isClosed(text)) return text;
  const last = markdown.parse(text, {}).findLast(({ type, level }) => type === 'fence' && level === 0);
  const ends = last === undefined ? HTML_ENDS : [last.markup, ...HTML_ENDS];
  return ends.map((end) => `${text}\n${end}`).find(isClosed) ?? text;
}

const PROBE = 'what comes next';

function isClosed(text: string): boolean {
  const tokens = markdown.parse(`${text}\n\n# ${PROBE}\n`, {});
  const [opening, inline] = tokens.slice(-3);
  return opening?.type === 'heading_open' && opening.level === 0 && inline?.content === PROBE;
}
