// One finding of a compiler or linter, and the readers of the forms in which tools write theirs. What a tool prints is
// foreign: a form that does not fit gives no diagnostics, never an exception.

import { isAbsolute, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { cutText } from '../../../../core/cut-text.ts';

/** A finding, where it is, and what it is called. */
export const diagnosticSchema = z.strictObject({
  tool: z.string(),
  file: z.string().nullable().describe('relative to the folder checked; null when it is about no file in it'),
  line: z.int().nonnegative().describe('from 1; 0 when it is about no line'),
  column: z.int().nonnegative().describe('from 1; 0 when it is about no column'),
  severity: z.enum(['error', 'warning', 'info']),
  code: z.string().describe("the tool's own, for example TS2322 or lint/suspicious/noDebugger; empty when it has none"),
  message: z.string(),
});

export type Diagnostic = z.infer<typeof diagnosticSchema>;

/** Reads what a tool printed in `folder`. */
export type DiagnosticReader = (output: string, folder: string) => Omit<Diagnostic, 'tool'>[];

/** Longer messages are cut: the type of a large object can be printed over pages. */
const messageLengthMax = 1_000;

type Found = Omit<Diagnostic, 'tool'>;

function found(at: Found, folder: string): Found {
  const message = cut(withoutFolder(at.message, folder));
  return { ...at, file: at.file === null ? null : inFolder(at.file, folder), message };
}

/** Text of a tool without the absolute path of the folder: where it lies on this machine is nobody's business. */
export function withoutFolder(text: string, folder: string): string {
  return text.replaceAll(folder + sep, '').replaceAll(folder, '.');
}

function cut(message: string): string {
  const trimmed = message.trim();
  return trimmed.length > messageLengthMax ? `${cutText(trimmed, messageLengthMax)}…` : trimmed;
}

/** The path as the result shows it; null for a path outside the folder. */
function inFolder(file: string, folder: string): string | null {
  const path = relative(folder, resolve(folder, file));
  return path === '' || path.startsWith('..') || isAbsolute(path) ? null : path.split(sep).join('/');
}

/** `tsc --pretty false`: `file(line,column): error TS1234: message`, goes on in indented lines. */
export const readTypescript: DiagnosticReader = (output, folder) => {
  const all: Found[] = [];
  for (const line of output.split(/\r?\n/)) {
    const match = /^(?:(.+?)\((\d+),(\d+)\): )?(error|warning|message) (TS\d+): (.*)$/.exec(line);
    const last = all.at(-1);
    if (match !== null) {
      const [, file, row, column, level, code, message] = match;
      const severity = level === 'error' ? 'error' : level === 'warning' ? 'warning' : 'info';
      const at = { line: Number(row ?? 0), column: Number(column ?? 0), severity, code: code ?? '' } as const;
      all.push(found({ ...at, file: file ?? null, message: message ?? '' }, folder));
    } else if (last !== undefined && /^\s+\S/.test(line)) {
      all[all.length - 1] = { ...last, message: cut(`${last.message}\n${line}`) };
    }
  }
  return all;
};

const position = z.object({ line: z.number(), column: z.number() });

const rdjson = z.object({
  diagnostics: z.array(
    z.object({
      code: z.object({ value: z.string() }).nullish(),
      location: z.object({ path: z.string(), range: z.object({ start: position }).nullish() }).nullish(),
      message: z.string(),
      severity: z.string().nullish(),
    }),
  ),
});

/** The Reviewdog diagnostic format, which Biome writes. */
export const readRdjson: DiagnosticReader = (output, folder) =>
  (parsed(rdjson, output)?.diagnostics ?? []).map((entry) =>
    found(
      {
        file: entry.location?.path ?? null,
        line: entry.location?.range?.start.line ?? 0,
        column: entry.location?.range?.start.column ?? 0,
        severity: severityOf(entry.severity ?? 'error'),
        code: entry.code?.value ?? '',
        message: entry.message,
      },
      folder,
    ),
  );

const eslintJson = z.array(
  z.object({
    filePath: z.string(),
    messages: z.array(
      z.object({
        ruleId: z.string().nullish(),
        severity: z.number(),
        message: z.string(),
        line: z.number().nullish(),
        column: z.number().nullish(),
      }),
    ),
  }),
);

/** `eslint --format json`. */
export const readEslint: DiagnosticReader = (output, folder) =>
  (parsed(eslintJson, output) ?? []).flatMap(({ filePath, messages }) =>
    messages.map(({ ruleId, severity, message, line, column }) =>
      found(
        {
          file: filePath,
          line: line ?? 0,
          column: column ?? 0,
          severity: severity >= 2 ? 'error' : 'warning',
          code: ruleId ?? '',
          message,
        },
        folder,
      ),
    ),
  );

const oxlintJson = z.object({
  diagnostics: z.array(
    z.object({
      message: z.string(),
      code: z.string().nullish(),
      severity: z.string().nullish(),
      filename: z.string().nullish(),
      labels: z.array(z.object({ span: position.partial() })).nullish(),
    }),
  ),
});

/** `oxlint --format json`. */
export const readOxlint: DiagnosticReader = (output, folder) =>
  (parsed(oxlintJson, output)?.diagnostics ?? []).map((entry) =>
    found(
      {
        file: entry.filename ?? null,
        line: entry.labels?.[0]?.span.line ?? 0,
        column: entry.labels?.[0]?.span.column ?? 0,
        severity: severityOf(entry.severity ?? 'error'),
        code: entry.code ?? '',
        message: entry.message,
      },
      folder,
    ),
  );

/** What a script prints: the form of tsc, and the `file:line:column: message` that most other tools share. */
export const readLines: DiagnosticReader = (output, folder) => {
  const others = output.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*([^\s:()]+\.\w+):(\d+)(?::(\d+))?:?\s+(?:(error|warning|info|note)\b:?\s*)?(\S.*)$/i.exec(line);
    if (match === null) return [];
    const [, file, row, column, level, message] = match;
    const severity = severityOf(level ?? 'error');
    const at = { line: Number(row), column: Number(column ?? 0), severity, code: '' } as const;
    return [found({ ...at, file: file ?? null, message: message ?? '' }, folder)];
  });
  return [...readTypescript(output, folder), ...others];
};

function severityOf(word: string): Diagnostic['severity'] {
  const level = word.toLowerCase();
  if (level === 'error' || level === 'fatal') return 'error';
  return level.startsWith('warn') ? 'warning' : 'info';
}

/** The JSON that a tool printed, other lines around it left aside; null when it is not of the expected form. */
function parsed<T>(schema: z.ZodType<T>, output: string): T | null {
  for (const text of [output, ...output.split('\n').filter((line) => /^\s*[[{]/.test(line))]) {
    try {
      const result = schema.safeParse(JSON.parse(text));
      if (result.success) return result.data;
    } catch {
      // Not JSON, or not alone on its lines: the next candidate may be.
    }
  }
  return null;
}
