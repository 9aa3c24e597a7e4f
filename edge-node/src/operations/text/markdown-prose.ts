// Takes the prose out of Markdown: paragraphs, list items and quotations as plain text, and headings apart. Code, tables, HTML,
// images, front matter and link definitions are not prose. What is what, markdown-it says, by CommonMark.

import MarkdownIt, { type Token } from 'markdown-it';

/** A run of prose and where it stands. */
export interface Paragraph {
  /** Its words with one space between them, or one line break where the writer had one. */
  readonly text: string;
  /** The heading above it, or null before the first. */
  readonly heading: string | null;
  readonly kind: 'paragraph' | 'item';
}

// HTML is told apart, so that it can be left out; no address is made a link that the writer did not make one; a dash stays as it
// was typed.
const markdown = new MarkdownIt('default', { html: true, linkify: false, typographer: false });
// A definition of a footnote looks like a link's definition only where it has no spaces.
const footnote = /^\[\^[^\]\s]{1,100}\]:/;
const footnoteMark = /\[\^[^\]\s]{1,100}\]/g;
const taskMark = /^\[[ xX]\]\s+/;
/** An emoji by name, as some sites show it: `:rocket:`. */
const emojiName = /(?<=^|\s):[a-z][\w+-]{0,40}:(?=\s|$)/g;
/** Elements that end a line where a reader sees them. */
const breaking = /^<\/?(?:br|hr|p|div|li|tr|td|th|h[1-6])\b/i;

/** The prose of a Markdown text, in order. */
export function markdownProse(text: string): Paragraph[] {
  const found: Paragraph[] = [];
  let heading: string | null = null;
  let isHeading = false;
  let inItem = 0;
  let inTable = 0;
  for (const token of markdown.parse(withoutFrontMatter(text), {})) {
    if (token.type === 'heading_open') isHeading = true;
    else if (token.type === 'heading_close') isHeading = false;
    else if (token.type === 'list_item_open') inItem += 1;
    else if (token.type === 'list_item_close') inItem -= 1;
    else if (token.type === 'table_open') inTable += 1;
    else if (token.type === 'table_close') inTable -= 1;
    if (token.type !== 'inline' || inTable > 0) continue;
    const plain = plainText(token);
    if (isHeading) heading = plain.replaceAll('\n', ' ');
    else if (/\p{L}/u.test(plain) && !footnote.test(token.content))
      found.push({ text: plain, heading, kind: inItem > 0 ? 'item' : 'paragraph' });
  }
  return found;
}

/** YAML between `---` at the very beginning: many tools put it there, CommonMark does not know it. */
function withoutFrontMatter(text: string): string {
  const opening = /^\uFEFF?---[^\S\n]*\r?\n/.exec(text);
  if (opening === null) return text;
  const closing = /^---[^\S\n]*\r?$/m;
  const rest = text.slice(opening[0].length);
  const end = closing.exec(rest);
  return end === null ? text : rest.slice(end.index + end[0].length);
}

/** What a reader sees of a line of Markdown: links as their label, code as its content, no images and no tags. */
function plainText(inline: Token): string {
  let text = '';
  for (const token of inline.children ?? []) {
    if (token.type === 'softbreak' || token.type === 'hardbreak') text += '\n';
    else if (token.type === 'html_inline') text += breaking.test(token.content) ? '\n' : '';
    else if (token.type === 'code_inline') text += token.content;
    else if (token.type === 'text') text += token.content.replace(footnoteMark, '').replace(emojiName, '');
    else if (token.type === 'text_special') text += token.content;
  }
  return tidied(text).replace(taskMark, '');
}

/** Text with one space, or one line break, where there are several. */
export function tidied(text: string): string {
  return text
    .trim()
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n[ \n]*/g, '\n');
}
