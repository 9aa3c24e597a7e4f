// What a command is, and what it is given. Each is one entry of the table in commands.ts and one function, loaded when it
// is called.

import type { z } from 'zod';
import type { Result } from '../../../core/result.ts';
import type { Api, ApiAnswer, ApiError } from './api.ts';
import type { Config } from './config.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printable, printableLines } from './output.ts';
import type { Terminal } from './terminal.ts';

/** An option of a command. `value` names what follows it; without, it is a switch. */
export interface Option {
  readonly value?: string;
  readonly many?: boolean;
  readonly help: string;
}

export interface Flags {
  has(name: string): boolean;
  one(name: string): string | undefined;
  many(name: string): readonly string[];
}

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly flags: Flags;
  /** The words after the command's own. Their number has been checked. */
  readonly words: readonly string[];
  readonly json: boolean;
  readonly config: Config;
  /** Calls the server that is meant, with the key that is meant. */
  readonly api: Api;
}

export type RunCommand = (context: CommandContext) => Promise<ExitCode>;

export interface Command {
  /** `task run`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** The words that follow: `<operation>`, or `[path]` for one that may be left out. */
  readonly words?: readonly string[];
  readonly summary: string;
  readonly options?: Readonly<Record<string, Option>>;
  /** True when it calls the server with a key. */
  readonly needsKey: boolean;
  load(): Promise<RunCommand>;
}

/** Prints a result: JSON for programs, `text` for people, whatever somebody else has put into it. */
export function print(context: CommandContext, value: unknown, text: string): void {
  context.terminal.out(context.json ? `${JSON.stringify(value)}\n` : printableLines(text));
}

/** Says what is wrong with the command line. */
export function misused(context: CommandContext, message: string): ExitCode {
  return fail(context, 'usage', { code: 'usage', message });
}

/** Says why the command did not succeed: a sentence for people, an object on standard error for programs. */
export function fail(
  context: CommandContext,
  exit: keyof typeof EXIT,
  error: { readonly code: string; readonly message: string; readonly [more: string]: unknown },
): ExitCode {
  const { terminal, json } = context;
  terminal.err(json ? `${JSON.stringify({ error })}\n` : `starling: ${printable(error.message)}\n`);
  return EXIT[exit];
}

/** Says what the server refused, or that there is none. */
export function refused(context: CommandContext, error: ApiError): ExitCode {
  switch (error.kind) {
    case 'interrupted':
      return EXIT.interrupted;
    case 'unreachable':
      return fail(context, 'unreachable', { code: 'unreachable', message: `cannot reach ${error.message}` });
    case 'unexpected':
      return fail(context, 'unreachable', { code: 'unexpected_answer', message: error.message, status: error.status });
    case 'problem': {
      const { kind: _, ...rest } = error;
      const sentence = error.detail === '' ? error.title : error.detail;
      const places = error.errors.map(({ pointer, message }) => `\n  ${pointer === '' ? '/' : pointer}: ${message}`);
      const asked = error.requestId === null ? '' : ` (request ${error.requestId})`;
      if (!context.json)
        context.terminal.err(
          `starling: ${printable(`${error.code}: ${sentence}${asked}`)}${places.map((place) => `\n ${printable(place)}`).join('')}\n`,
        );
      else context.terminal.err(`${JSON.stringify({ error: { ...rest, message: sentence } })}\n`);
      return EXIT[exitOf(error.status)];
    }
  }
}

function exitOf(status: number): 'forbidden' | 'unreachable' | 'refused' {
  if (status === 401 || status === 403) return 'forbidden';
  return status === 429 || status >= 500 ? 'unreachable' : 'refused';
}

/** Reads an answer by its schema; null, with the failure said, when it is of another shape. */
export function readAnswer<T extends z.ZodType>(
  context: CommandContext,
  schema: T,
  answer: ApiAnswer,
): z.output<T> | null {
  const parsed = schema.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = `/${issue?.path.map(String).join('/') ?? ''}: ${issue?.message ?? ''}`;
  refused(context, {
    kind: 'unexpected',
    status: answer.status,
    message: `the server's answer is not what this version expects (${where})`,
  });
  return null;
}

/** What an answer is, and how it is told to a person. */
export interface Shown<T extends z.ZodType> {
  readonly schema: T;
  describe(view: z.output<T>): string;
}

/** Shows what the platform answered, or says why there is nothing to show. */
export function printAnswer<T extends z.ZodType>(
  context: CommandContext,
  { schema, describe }: Shown<T>,
  answer: Result<ApiAnswer, ApiError>,
): ExitCode {
  if (!answer.ok) return refused(context, answer.error);
  const view = readAnswer(context, schema, answer.value);
  if (view === null) return EXIT.unreachable;
  print(context, view, describe(view));
  return EXIT.ok;
}
