// The one registry of operations. An operation is added by its file, its line here and its test.

import { codeCheck } from './code-check.ts';
import { codeLocate } from './code-locate.ts';
import { codeOutline } from './code-outline.ts';
import { fsRead } from './fs-read.ts';
import type { Operation } from './operation.ts';
import { reportAssemble } from './report-assemble.ts';
import { textKeywords } from './text-keywords.ts';
import { textSummarize } from './text-summarize.ts';

/** Every operation this device can do. None needs a model or the network. */
export const operations: readonly Operation[] = [
  codeCheck,
  codeLocate,
  codeOutline,
  fsRead,
  reportAssemble,
  textKeywords,
  textSummarize,
];
