// code.outline: what a folder of source holds, by language, file and declaration. Purely syntactic: no types are
// resolved and no project configuration is read.

import { z } from 'zod';
import type { Declaration } from './declarations/declaration.ts';
import { declarationReaders } from './declarations/readers.ts';
import { type JsonBudget, jsonBudget, jsonBytes } from './json-budget.ts';
import { outputBytesMax, pathLengthMax } from './limits.ts';
import { defineOperation } from './operation.ts';
import {
  eachSourceText,
  findSourceFiles,
  type Skipped,
  type SourceFile,
  skippedSchema,
} from './source/source-files.ts';
import { grammarReader } from './syntax/parser.ts';

const count = z.int().nonnegative();

const declarationSchema = z.strictObject({
  kind: z.string().describe('function, class, method, interface, type, constant, re-export and the like'),
  name: z.string(),
  line: z.int().positive(),
  signature: z.string().optional().describe('the declaration without its body, on one line'),
  exported: z.boolean().describe('whether other files can use it'),
});

const fileSchema = z.strictObject({
  path: z.string().describe('relative to the folder asked for'),
  language: z.string(),
  lines: count,
  declarations: z.array(declarationSchema),
  syntaxErrors: z.boolean().describe('whether parts of the file could not be parsed'),
});

/** The result of `code.outline`. */
export const outlineSchema = z.strictObject({
  path: z.string().describe('the path asked for'),
  method: z.literal('tree-sitter').describe('how declarations were found; languages without a grammar have none'),
  totals: z.strictObject({ files: count, lines: count, declarations: count, exported: count }),
  languages: z.array(z.strictObject({ name: z.string(), files: count, lines: count })).describe('most lines first'),
  files: z.array(fileSchema).describe('in order of path'),
  omitted: z
    .strictObject({ files: count, declarations: count })
    .describe('counted in the totals, but left out of the list to keep the result small'),
  skipped: skippedSchema,
});

type Outline = z.infer<typeof outlineSchema>;
type OutlineFile = z.infer<typeof fileSchema>;

/** Room for the totals, languages and counts beside the list of files. */
const summaryBytes = 4_000;

/** Less would leave no room for files beside a summary and a long path. */
const resultBytesMin = 16_000;

/** What of the declarations the caller wants to see. */
interface Shown {
  readonly exportedOnly: boolean;
  readonly signatures: boolean;
}

/** `code.outline`: languages, files, lines and exported declarations of a granted folder or file. */
export const codeOutline = defineOperation({
  name: 'code.outline',
  version: '1.1.0',
  summary: 'Lists the languages, files, line counts and exported declarations of a folder of source code.',
  input: z.strictObject({
    path: z.string().min(1).max(pathLengthMax).describe('a granted folder or file'),
    exportedOnly: z.boolean().optional().describe('true unless said otherwise: leave out what other files cannot use'),
    signatures: z.boolean().optional().describe('true unless said otherwise: show declarations with their signature'),
    resultBytesMax: z
      .int()
      .min(resultBytesMin)
      .max(outputBytesMax)
      .optional()
      .describe('keep the result under so many bytes of JSON; 200000 unless said'),
  }),
  output: outlineSchema,
  priceMicro: 2_000,
  leaseMs: 120_000,
  async run(input, context): Promise<Outline> {
    const tree = await findSourceFiles(input.path, context);
    const outline = emptyOutline(input.path, tree.skipped);
    const budget = jsonBudget(
      (input.resultBytesMax ?? outputBytesMax) - summaryBytes - jsonBytes([input.path, tree.skipped.folderNames]),
    );
    const shown = { exportedOnly: input.exportedOnly ?? true, signatures: input.signatures ?? true };
    await eachSourceText(tree, context, async (file, text) => {
      addFile(outline, await outlineFile(file, text, tree.skipped), shown, budget);
    });
    outline.languages.sort((a, b) => b.lines - a.lines || (a.name < b.name ? -1 : 1));
    context.progress(1);
    return outline;
  },
});

function emptyOutline(path: string, skipped: Skipped): Outline {
  return {
    path,
    method: 'tree-sitter',
    totals: { files: 0, lines: 0, declarations: 0, exported: 0 },
    languages: [],
    files: [],
    omitted: { files: 0, declarations: 0 },
    skipped,
  };
}

async function outlineFile(file: SourceFile, text: string, skipped: Skipped): Promise<OutlineFile> {
  const outlined: OutlineFile = {
    path: file.path,
    language: file.language.name,
    lines: linesOf(text),
    declarations: [],
    syntaxErrors: false,
  };
  const { grammar } = file.language;
  if (grammar === null) return outlined;
  const reader = await grammarReader(grammar);
  const parsed = reader.read(text, (tree) => {
    outlined.declarations = declarationReaders[grammar](tree.rootNode, text).map(withoutColumn);
    outlined.syntaxErrors = tree.rootNode.hasError;
    return true;
  });
  if (parsed === null) skipped.unparsed += 1;
  return outlined;
}

function withoutColumn({ kind, name, line, signature, exported }: Declaration): OutlineFile['declarations'][number] {
  return { kind, name, line, signature, exported };
}

function withoutSignature({ signature: _, ...declaration }: OutlineFile['declarations'][number]) {
  return declaration;
}

/** Adds one file to the totals, and to the list as far as it fits. */
function addFile(outline: Outline, file: OutlineFile, { exportedOnly, signatures }: Shown, budget: JsonBudget): void {
  const exported = file.declarations.filter((declaration) => declaration.exported);
  outline.totals.files += 1;
  outline.totals.lines += file.lines;
  outline.totals.declarations += file.declarations.length;
  outline.totals.exported += exported.length;
  let language = outline.languages.find(({ name }) => name === file.language);
  if (language === undefined) {
    language = { name: file.language, files: 0, lines: 0 };
    outline.languages.push(language);
  }
  language.files += 1;
  language.lines += file.lines;
  const wanted = exportedOnly ? exported : file.declarations;
  const shown = { ...file, declarations: signatures ? wanted : wanted.map(withoutSignature) };
  const bare = { ...file, declarations: [] };
  if (budget.take(shown)) outline.files.push(shown);
  else {
    outline.omitted.declarations += shown.declarations.length;
    if (budget.take(bare)) outline.files.push(bare);
    else outline.omitted.files += 1;
  }
}

function linesOf(text: string): number {
  if (text === '') return 0;
  let lines = text.endsWith('\n') ? 0 : 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
