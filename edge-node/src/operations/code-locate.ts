// code.locate: where a symbol is declared and used, or which symbols of a folder are used most. Syntactic: imports are
// followed and inner scopes seen, but types are not known, so members are matched by name.

import { z } from 'zod';
import { plainName } from './declarations/declaration.ts';
import { type JsonBudget, jsonBudget, jsonBytes } from './json-budget.ts';
import { outputBytesMax, pathLengthMax } from './limits.ts';
import { defineOperation, type OperationContext } from './operation.ts';
import { eachSourceText, findSourceFiles, type SourceTree, skippedSchema } from './source/source-files.ts';
import { referenceCount } from './syntax/count-references.ts';
import { type FileSymbols, fileSymbols } from './syntax/file-symbols.ts';
import { symbolSearch } from './syntax/find-symbol.ts';
import { grammarReader } from './syntax/parser.ts';

const count = z.int().nonnegative();
const position = z.int().positive();

/** How results are found; part of each result so that no one takes them for a compiler's. */
const method =
  'tree-sitter identifiers; imports followed in TypeScript and JavaScript, other languages by name; scopes approximated, types unknown';

const definitionSchema = z.strictObject({
  file: z.string(),
  line: position,
  column: position,
  kind: z.string(),
  name: z.string().describe('a method is Class.method'),
  text: z.string().describe('its signature, or the line it is on'),
});

const referenceSchema = z.strictObject({
  file: z.string(),
  line: position,
  column: position,
  by: z.enum(['scope', 'import', 'name']).describe('known by its scope, by imports, or only by the same name'),
  text: z.string().describe('the line it is on'),
});

const rankedSchema = z.strictObject({
  name: z.string(),
  kind: z.string(),
  file: z.string(),
  line: position,
  references: count,
  files: count.describe('how many files use it'),
  by: z.enum(['import', 'name']).describe('whether imports were followed, or every use of the name counts'),
});

/**
 * A name, or names joined by dots: what Unicode calls an identifier (UAX 31; combining marks are part of it, and so are the two
 * joiners), JavaScript's `$` and `#`, and Rust's `r#`.
 */
const symbolPattern =
  /^(?:r#)?[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*(?:\.(?:r#)?[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*)*$/u;

/** The result of `code.locate`: `symbol`, `definitions` and `references`, or `mostReferenced`. */
export const locationsSchema = z.strictObject({
  path: z.string().describe('the path asked for; files are relative to it'),
  method: z.literal(method),
  symbol: z.string().optional(),
  definitions: z.array(definitionSchema).optional(),
  references: z.array(referenceSchema).optional(),
  mostReferenced: z.array(rankedSchema).optional().describe('most references first'),
  totals: z.strictObject({ definitions: count, references: count, filesRead: count }),
  omitted: count.describe('rows counted in the totals but left out to keep the result small'),
  skipped: skippedSchema,
});

type Locations = z.infer<typeof locationsSchema>;

/** `code.locate`: definitions and references of a symbol, or the most referenced symbols of a folder. */
export const codeLocate = defineOperation({
  name: 'code.locate',
  version: '1.1.0',
  summary: 'Finds where a symbol is declared and used in a folder, or which of its symbols are used most.',
  input: z
    .strictObject({
      path: z.string().min(1).max(pathLengthMax).describe('a granted folder or file'),
      symbol: z
        .string()
        .max(200)
        .regex(symbolPattern)
        .optional()
        .describe('a name, or Class.method; either this or mostReferenced'),
      mostReferenced: z.int().min(1).max(200).optional().describe('how many symbols; either this or symbol'),
    })
    .refine((input) => (input.symbol === undefined) !== (input.mostReferenced === undefined), {
      error: 'give either symbol or mostReferenced',
    })
    .meta({ oneOf: [{ required: ['symbol'] }, { required: ['mostReferenced'] }] }),
  output: locationsSchema,
  priceMicro: 3_000,
  leaseMs: 120_000,
  async run(input, context): Promise<Locations> {
    const tree = await findSourceFiles(input.path, context);
    const budget = jsonBudget(outputBytesMax - summaryBytes - jsonBytes([input.path, tree.skipped.folderNames]));
    const found =
      input.symbol === undefined
        ? await rank(tree, input.mostReferenced ?? 10, budget, context)
        : await locate(tree, input.symbol, budget, context);
    context.progress(1);
    return { path: input.path, method, ...found, skipped: tree.skipped };
  },
});

type Found = Omit<Locations, 'path' | 'method' | 'skipped'>;

/** Room for everything beside the rows. */
const summaryBytes = 3_000;

async function locate(tree: SourceTree, symbol: string, budget: JsonBudget, context: OperationContext): Promise<Found> {
  const plain = symbol.replaceAll('r#', '');
  const search = symbolSearch(plain, paths(tree));
  const name = plainName(plain);
  // A file that passes on all of another may be between the symbol and its use without naming it.
  const matters = (text: string) => text.includes(name) || /\bexport\s*\*/.test(text);
  const filesRead = await eachFileSymbols(tree, context, matters, (path, text, symbols) =>
    search.add(path, text, symbols),
  );
  const { definitions, references } = search.finish();
  const shownDefinitions = fitting(definitions, budget);
  const shownReferences = fitting(references, budget);
  const all = definitions.length + references.length;
  return {
    symbol,
    definitions: shownDefinitions,
    references: shownReferences,
    totals: { definitions: definitions.length, references: references.length, filesRead },
    omitted: all - shownDefinitions.length - shownReferences.length,
  };
}

async function rank(tree: SourceTree, most: number, budget: JsonBudget, context: OperationContext): Promise<Found> {
  const counter = referenceCount(paths(tree));
  const everything = () => true;
  const filesRead = await eachFileSymbols(tree, context, everything, (path, _, symbols) => counter.add(path, symbols));
  const ranked = counter.finish(most);
  const shown = fitting(ranked, budget);
  const references = ranked.reduce((sum, symbol) => sum + symbol.references, 0);
  return {
    mostReferenced: shown,
    totals: { definitions: ranked.length, references, filesRead },
    omitted: ranked.length - shown.length,
  };
}

function paths(tree: SourceTree): string[] {
  return tree.files.map((file) => file.path);
}

function fitting<T>(rows: readonly T[], budget: JsonBudget): T[] {
  return rows.filter((row) => budget.take(row));
}

/** Calls `use` with the symbols of each file that has a grammar and matters; returns how many there were. */
async function eachFileSymbols(
  tree: SourceTree,
  context: OperationContext,
  matters: (text: string) => boolean,
  use: (path: string, text: string, symbols: FileSymbols) => void,
): Promise<number> {
  let read = 0;
  // Files that are only counted elsewhere hold no symbols: they are not even read.
  const parsed = { files: tree.files.filter((file) => file.language.grammar !== null), skipped: tree.skipped };
  await eachSourceText(parsed, context, async (file, text) => {
    const { grammar } = file.language;
    if (grammar === null || !matters(text)) return;
    const reader = await grammarReader(grammar);
    const symbols = reader.read(text, (syntax) => fileSymbols(syntax, text, grammar));
    if (symbols === null) tree.skipped.unparsed += 1;
    else {
      read += 1;
      use(file.path, text, symbols);
    }
  });
  return read;
}
