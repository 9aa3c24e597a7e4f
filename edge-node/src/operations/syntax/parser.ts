// Parses source text with the tree-sitter grammars. Grammars are loaded when a file first needs them; a tree lives only
// inside the callback that uses it, since its memory is outside the reach of the garbage collector.

import { createRequire } from 'node:module';
import type { Language, Parser, Tree } from 'web-tree-sitter';
import { parseMsMax, syntaxBytesMax } from '../limits.ts';
import { OperationFailure } from '../operation.ts';
import type { Grammar } from '../source/languages.ts';

const require = createRequire(import.meta.url);

// One parser for the process: web-tree-sitter has one memory, and trees are used one at a time. Its code is loaded with
// the first parse too, since a device that is never asked for one should not hold it.
let parser: Promise<Parser> | null = null;
const grammars = new Map<Grammar, Promise<Language>>();

async function createParser(): Promise<Parser> {
  const { Parser } = await import('web-tree-sitter');
  await Parser.init();
  return new Parser();
}

async function loadLanguage(grammar: Grammar): Promise<Language> {
  const { Language } = await import('web-tree-sitter');
  return Language.load(require.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${grammar}.wasm`));
}

/**
 * Parses text in one grammar. Null when it is too large, took too long or is nested too deeply to be walked; a tree with syntax
 * errors is still a tree.
 */
export interface GrammarReader {
  read<T>(text: string, use: (tree: Tree) => T): T | null;
}

/** A reader for a grammar, loaded on first use. Throws `syntax_unavailable` when the grammar cannot be loaded. */
export async function grammarReader(grammar: Grammar): Promise<GrammarReader> {
  try {
    parser ??= createParser();
    const ready = await parser;
    let language = grammars.get(grammar);
    if (language === undefined) {
      language = loadLanguage(grammar);
      grammars.set(grammar, language);
    }
    const loaded = await language;
    return { read: (text, use) => readTree(ready, loaded, text, use) };
  } catch (cause) {
    // Forgotten, so that the next call tries again.
    grammars.delete(grammar);
    parser = null;
    throw new OperationFailure('syntax_unavailable', `the grammar of ${grammar} could not be loaded`, {
      retryable: true,
      cause,
    });
  }
}

/** What V8 says of it. */
const STACK_IS_FULL = 'Maximum call stack size exceeded';

function readTree<T>(parser: Parser, language: Language, text: string, use: (tree: Tree) => T): T | null {
  if (text.length > syntaxBytesMax) return null;
  const deadline = performance.now() + parseMsMax;
  parser.setLanguage(language);
  const tree = parser.parse(text, null, { progressCallback: () => performance.now() > deadline });
  if (tree === null) {
    parser.reset(); // Else the next text would be parsed as the rest of this one.
    return null;
  }
  try {
    return use(tree);
  } catch (error) {
    // One file of a hundred thousand nested conditions must not cost the answer about all others.
    if (error instanceof RangeError && error.message === STACK_IS_FULL) return null;
    throw error;
  } finally {
    tree.delete();
  }
}
