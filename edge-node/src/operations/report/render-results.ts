// Renders the results of the other operations. A result is known by its schema, so a body that only resembles one is
// shown as the JSON it is.

import type { z } from 'zod';
import { checkSchema } from '../code-check.ts';
import { locationsSchema } from '../code-locate.ts';
import { outlineSchema } from '../code-outline.ts';
import { readSchema } from '../fs-read.ts';
import type { Skipped } from '../source/source-files.ts';
import { keywordsSchema } from '../text-keywords.ts';
import { summarySchema } from '../text-summarize.ts';
import { block, code, counted, list, plain, table } from './markdown.ts';
import { type Json, renderJson } from './render-json.ts';
import { belowHeading, closed } from './section.ts';

/** Rows of one table: what comes after is counted, since no one reads further. */
const rowsMax = 40;

/** How a body that fits a schema is rendered. */
type Renderer = (body: Json) => string | null;

function renderer<T>(schema: z.ZodType<T>, render: (value: T) => string): Renderer {
  return (body) => {
    const result = schema.safeParse(body);
    return result.success ? render(result.data) : null;
  };
}

const renderers: readonly Renderer[] = [
  renderer(outlineSchema, renderOutline),
  renderer(locationsSchema, renderLocations),
  renderer(checkSchema, renderCheck),
  renderer(summarySchema, renderSummary),
  renderer(keywordsSchema, renderKeywords),
  renderer(readSchema, renderRead),
];

/** Markdown for the body of a section: a known result in its own form, any other value as readable JSON. */
export function renderBody(body: Json): string {
  if (typeof body === 'string') return closed(belowHeading(body.trim()));
  for (const render of renderers) {
    const markdown = render(body);
    if (markdown !== null) return markdown;
  }
  return renderJson(body);
}

function renderOutline(outline: z.infer<typeof outlineSchema>): string {
  const { totals, languages, omitted, skipped } = outline;
  const head =
    `${code(outline.path)}: ${counted(totals.files, 'file')}, ${counted(totals.lines, 'line')}, ` +
    `${counted(totals.exported, 'exported declaration')}.`;
  const declaring = outline.files.filter((file) => file.declarations.length > 0);
  const rows = declaring.slice(0, rowsMax).map((file) => [code(file.path), file.lines, namesOf(file.declarations)]);
  const notShown = declaring.length - rows.length;
  return paragraphs([
    head,
    languages.length > 1
      ? table(
          ['Language', 'Files', 'Lines'],
          languages.map(({ name, files, lines }) => [plain(name), files, lines]),
        )
      : '',
    rows.length > 0 ? table(['File', 'Lines', 'Exports'], rows) : '',
    notShown > 0 ? `${counted(notShown, 'more file')} with exports.` : '',
    omitted.files + omitted.declarations > 0
      ? `Not listed for length: ${counted(omitted.files, 'file')}, ${counted(omitted.declarations, 'declaration')}.`
      : '',
    leftOut(skipped),
  ]);
}

const namesMax = 12;

function namesOf(declarations: readonly { name: string; kind: string }[]): string {
  // Methods are told by their class.
  const names = declarations.filter(({ kind }) => kind !== 'method').map(({ name }) => code(name));
  const more = names.length > namesMax ? `, ${names.length - namesMax} more` : '';
  return names.slice(0, namesMax).join(', ') + more;
}

function renderLocations(found: z.infer<typeof locationsSchema>): string {
  const { symbol, definitions = [], references = [], mostReferenced, totals } = found;
  if (mostReferenced !== undefined) {
    const rows = mostReferenced.map((row) => [
      code(row.name),
      plain(row.kind),
      code(`${row.file}:${row.line}`),
      row.references,
      row.files,
    ]);
    return paragraphs([
      table(['Symbol', 'Kind', 'Defined in', 'References', 'Files'], rows),
      `Method: ${found.method}.`,
      leftOut(found.skipped),
    ]);
  }
  const shown = references.slice(0, rowsMax);
  const notShown = totals.references - shown.length;
  return paragraphs([
    `${code(symbol ?? '')}: ${counted(totals.definitions, 'definition')}, ${counted(totals.references, 'reference')}.`,
    definitions.length > 0
      ? table(
          ['Defined in', 'Kind', 'Signature'],
          definitions.map((d) => [code(`${d.file}:${d.line}`), plain(d.kind), code(d.text)]),
        )
      : '',
    shown.length > 0
      ? table(
          ['Used in', 'Known by', 'Line'],
          shown.map((r) => [code(`${r.file}:${r.line}`), r.by, code(r.text)]),
        )
      : '',
    notShown > 0 ? `${counted(notShown, 'more reference')}.` : '',
    `Method: ${found.method}.`,
    leftOut(found.skipped),
  ]);
}

function renderCheck(check: z.infer<typeof checkSchema>): string {
  const { errors, warnings, infos } = check.totals;
  const tools = check.tools.map(({ name, version }) => `${plain(name)} ${plain(version)}`.trim()).join(', ');
  const rows = check.diagnostics
    .slice(0, rowsMax)
    .map((found) => [
      found.file === null ? '' : code(`${found.file}:${found.line}:${found.column}`),
      found.severity,
      code(found.code),
      plain(found.message),
    ]);
  const notShown = errors + warnings + infos - rows.length;
  const failed = check.tools.filter((tool) => tool.output !== '');
  return paragraphs([
    `${check.clean ? 'Clean' : 'Not clean'}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')} from ${tools}.`,
    rows.length > 0 ? table(['Where', 'Severity', 'Code', 'Message'], rows) : '',
    notShown > 0 ? `${counted(notShown, 'more diagnostic')}.` : '',
    ...failed.map((tool) => `${plain(tool.name)} failed and printed:\n\n${block(tool.output)}`),
  ]);
}

function renderSummary(summary: z.infer<typeof summarySchema>): string {
  const share = `${summary.sentences.length} of ${counted(summary.sentencesInText, 'sentence')}`;
  return paragraphs([
    summary.sentences.map((sentence) => `> ${plain(sentence)}`).join('\n>\n'),
    `Extractive (${summary.algorithm}): ${share}, as they stand in the text.`,
  ]);
}

function renderKeywords(keywords: z.infer<typeof keywordsSchema>): string {
  if (keywords.keywords.length === 0) return 'No key phrases.';
  return list(keywords.keywords.map(({ phrase, count }) => `${plain(phrase)} (${count})`));
}

function renderRead(read: z.infer<typeof readSchema>): string {
  const piece = `${code(read.path)}, ${counted(read.bytes, 'byte')} of ${read.size.toLocaleString('en')}.`;
  return read.encoding === 'utf8' ? paragraphs([piece, block(read.content)]) : paragraphs([piece, 'Not text.']);
}

/** What was left out, when it matters to a reader: folders of dependencies and files that are no source do not. */
function leftOut(skipped: Skipped): string {
  const { folders: _folders, folderNames, links: _links, notSource: _notSource, ...rest } = skipped;
  const reasons: Readonly<Record<keyof typeof rest, string>> = {
    tooLarge: 'too large',
    refused: 'not granted',
    unreadable: 'not readable as text',
    unparsed: 'not parsed',
    beyondFileCap: 'beyond the limit of files',
    beyondTime: 'not reached in time',
  };
  const told = (Object.keys(reasons) as (keyof typeof reasons)[]) // The keys of a literal are its own.
    .filter((reason) => rest[reason] > 0)
    .map((reason) => `${rest[reason]} ${reasons[reason]}`);
  const named = folderNames?.map((name) => `the folder ${code(name)}`) ?? [];
  const all = [...named, ...told];
  return all.length === 0 ? '' : `Left out: ${all.join(', ')}.`;
}

function paragraphs(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
