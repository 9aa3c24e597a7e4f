// Which reader finds the declarations of which grammar.

import type { Grammar } from '../source/languages.ts';
import type { DeclarationReader } from './declaration.ts';
import { goDeclarations } from './go.ts';
import { javaDeclarations } from './java.ts';
import { pythonDeclarations } from './python.ts';
import { rustDeclarations } from './rust.ts';
import { typescriptDeclarations } from './typescript.ts';

export const declarationReaders: Readonly<Record<Grammar, DeclarationReader>> = {
  typescript: typescriptDeclarations,
  tsx: typescriptDeclarations,
  javascript: typescriptDeclarations,
  python: pythonDeclarations,
  go: goDeclarations,
  rust: rustDeclarations,
  java: javaDeclarations,
};
