// Takes the prose out of Markdown: paragraphs, list items and quotations as plain text, and headings apart. Badges, images,
// code, tables, HTML, front matter and link definitions are not prose. It is not a renderer; it reads CommonMark's blocks
// line by line, which is enough to tell what people wrote as sentences.

/** A run of prose and where it stands. */
export interface Paragraph {
  readonly text: string;
  /** The heading above it, or null before the first. */
  readonly heading: string | null;
  readonly kind: 'paragraph' | 'item';
}

// Every repetition below has a bound or cannot overlap with what follows it: the text may be anyone's, and the time must
// not grow with the square of its length.

/** A longer line is data or text without breaks; it is taken as prose without a look at its form. */
const lineLengthMax = 4_000;

const fence = /^ {0,3}(?:`{3,}(?=[^`]*$)|~{3,})/;
const listItem = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/;
const tableRule = /^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$/;

/** The prose of a Markdown text, in order. */
export function markdownProse(markdown: string): Paragraph[] {
  const found: Paragraph[] = [];
  let heading: string | null = null;
  let lines: string[] = [];
  let kind: Paragraph['kind'] = 'paragraph';
  const close = () => {
    const text = plainText(lines.join('\n'));
    if (/\p{L}/u.test(text)) found.push({ text, heading, kind });
    lines = [];
    kind = 'paragraph';
  };
  for (const block of withoutBlocks(markdown)) {
    if (block.length > lineLengthMax) {
      lines.push(block.trim());
      continue;
    }
    const line = block.replace(/^ {0,3}(?:> ?)+/, '');
    const title = /^ {0,3}#{1,6}(?:\s+(.*?))?(?:\s+#+)?\s*$/.exec(line);
    if (title !== null) {
      close();
      heading = plainText(title[1] ?? '');
    } else if (/^ {0,3}(?:=+|-+)\s*$/.test(line) && lines.length > 0 && kind === 'paragraph') {
      // The underline of a heading: what was gathered was its text.
      heading = plainText(lines.join(' '));
      lines = [];
    } else if (line.trim() === '' || isNotProse(line)) {
      close();
    } else if (listItem.test(line)) {
      close();
      kind = 'item';
      lines.push(line.replace(listItem, ''));
    } else if (/^(?: {4}|\t)/.test(line) && lines.length === 0 && found.at(-1)?.kind !== 'item') {
      close(); // Indented code; after a list item it is the item's next paragraph.
    } else {
      lines.push(line.trim());
    }
  }
  close();
  return found;
}

function isNotProse(line: string): boolean {
  return (
    /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/.test(line) || // a rule
    /^ {0,3}\[[^\]]+\]:\s*\S/.test(line) || // a link definition or footnote
    /^\s*\|.*\|\s*$/.test(line) || // a table's row
    tableRule.test(line)
  );
}

/** The lines outside front matter, comments, fenced code and HTML blocks; each such block leaves one empty line. */
function* withoutBlocks(markdown: string): Generator<string> {
  const lines = markdown
    .replace(/\r\n?/g, '\n')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '')
    .split('\n');
  let index = 0;
  if (lines[0] === '---') {
    const end = lines.indexOf('---', 1);
    if (end !== -1) index = end + 1;
  }
  while (index < lines.length) {
    const line = lines[index] ?? '';
    index += 1;
    if (line.length > lineLengthMax) {
      yield line;
      continue;
    }
    const opening = fence.exec(line.replace(/^\s*(?:>\s?|[-*+]\s+|\d+[.)]\s+)*/, ''))?.[0].trim();
    if (opening !== undefined) {
      const closes = new RegExp(`^[\\s>]*${opening[0] === '~' ? '~' : '`'}{${opening.length},}\\s*$`);
      while (index < lines.length && !closes.test(lines[index] ?? '')) index += 1;
      index += 1;
      yield '';
    } else if (
      /^ {0,3}<\/?[a-z][\w-]*(?:[\s/>]|$)/i.test(line) &&
      !/^ {0,3}<(?:a|b|i|em|strong|code|kbd|span|sub|sup)\b/i.test(line)
    ) {
      // An HTML block goes on to the next empty line.
      while (index < lines.length && (lines[index] ?? '').trim() !== '') index += 1;
      yield '';
    } else {
      yield line;
    }
  }
}

const codeSpan = /(?<!`)(`{1,8})(?!`)([\s\S]{0,400}?[^`])\1(?!`)/g;
const emphasis = /(\*{1,3}|~~|(?<![\p{L}\p{N}_])_{1,3})(?=\S)([\s\S]{0,600}?\S)\1(?![\p{L}\p{N}])/gu;
const target = String.raw`\([^()\n]{0,400}(?:\([^()\n]{0,100}\)[^()\n]{0,200})?\)|\[[^\]\n]{0,200}\]`;
const badge = new RegExp(String.raw`\[!\[[^\]\n]{0,200}\](?:${target})\](?:${target})?`, 'g');
const image = new RegExp(String.raw`!\[[^\]\n]{0,200}\](?:${target})?`, 'g');
const link = new RegExp(String.raw`\[([^\]]{0,600})\](?:${target})`, 'g');

/** Text without the marks of inline Markdown: links become their label, images nothing, code its content. */
function plainText(text: string): string {
  // Code is set aside first, since what looks like a mark or a tag in it is none. The two marks are private-use
  // characters, which mean nothing in prose.
  const codes: string[] = [];
  const withoutCode = text.replace(/[\uE000\uE001]/g, '').replace(codeSpan, (_, __, code: string) => {
    codes.push(code.trim());
    return `\uE000${codes.length - 1}\uE001`;
  });
  const linked = withoutCode
    .replace(badge, ' ')
    .replace(image, ' ')
    .replace(/\[\^[^\]\n]{1,100}\]/g, '')
    .replace(link, '$1')
    .replace(/<((?:https?|mailto):[^<>\s]{1,400})>/g, '$1')
    .replace(/<\/?[a-z][^<>]{0,1000}>/gi, '')
    .replace(/(?<=^|\s):[a-z][\w+-]{0,40}:(?=\s|$)/g, ''); // an emoji by name
  return withoutEmphasis(linked)
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .replace(/\uE000(\d+)\uE001/g, (_, index: string) => codes[Number(index)] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Takes off the marks of emphasis, one layer at a time; three layers are as many as people nest. */
function withoutEmphasis(text: string): string {
  let plain = text;
  for (let layer = 0; layer < 3; layer += 1) plain = plain.replace(emphasis, '$2');
  return plain;
}
