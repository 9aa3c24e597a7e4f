// code.check: runs the compiler and linters that a project brings along and reports what they find, in one form. They are
// the project's own programs, with plug-ins and configuration that are code, and there is no sandbox for them: the folder
// needs a grant that says so, runUnconfined.

import { z } from 'zod';
import { cutText, cutTextStart } from '../../../core/cut-text.ts';
import { type Checker, checkerNames, checkers, usesChecker } from './check/checkers.ts';
import { type Diagnostic, diagnosticSchema, readLines, withoutFolder } from './check/diagnostic.ts';
import { binProgram, manifestOf, packageProgram } from './check/find-program.ts';
import { type Program, type ProgramResult, runProgram } from './check/run-program.ts';
import { scriptSteps } from './check/script-steps.ts';
import { jsonBudget, jsonBytes } from './json-budget.ts';
import { checkMsMax, outputBytesMax, pathLengthMax } from './limits.ts';
import { defineOperation, type OperationContext, OperationFailure } from './operation.ts';

const count = z.int().nonnegative();

const toolSchema = z.strictObject({
  name: z.string().describe('the checker, or the command of a script'),
  version: z.string().describe('of its package; empty for a command of a script'),
  exitCode: z.int().nullable().describe('null when a signal ended it'),
  output: z.string().describe('the end of what it printed, when it failed without a diagnostic that could be read'),
});

/** The result of `code.check`. */
export const checkSchema = z.strictObject({
  path: z.string().describe('the path asked for'),
  clean: z.boolean().describe('whether every tool ended with 0 and found no error'),
  tools: z.array(toolSchema),
  totals: z.strictObject({ errors: count, warnings: count, infos: count }),
  diagnostics: z.array(diagnosticSchema).describe('by tool, in the order the tool gave them, errors first'),
  omitted: count.describe('diagnostics counted in the totals but left out to keep the result small'),
  outputCut: z.boolean().describe('whether a tool printed more than 8 MiB, so that the totals may be low'),
});

type Check = z.infer<typeof checkSchema>;

/** `code.check`: diagnostics of a project's own compiler and linters. */
export const codeCheck = defineOperation({
  name: 'code.check',
  version: '1.0.0',
  summary: "Runs a project's own compiler and linters and lists what they find; changes nothing.",
  input: z
    .strictObject({
      path: z.string().min(1).max(pathLengthMax).describe('a folder with the permission runUnconfined'),
      tool: z.enum(checkerNames).optional().describe('one of them; every one the folder uses unless said'),
      script: z
        .string()
        .regex(/^(?:check|lint|typecheck|type-check|types|tsc)(?:[:-][\w:-]{1,40})?$/)
        .optional()
        .describe('a check script of package.json instead of a tool; it must need no shell'),
      timeLimitMs: z.int().min(100).max(checkMsMax).optional().describe('for all tools together; 300000 unless said'),
    })
    .refine((input) => input.tool === undefined || input.script === undefined, 'give a tool or a script, not both')
    .meta({ not: { required: ['tool', 'script'] } }),
  output: checkSchema,
  priceMicro: 10_000,
  // The time limit and a little, so that a check in its last second is not taken for lost.
  leaseMs: checkMsMax + 30_000,
  async run(input, context): Promise<Check> {
    const folder = context.permissions.runnable(input.path);
    const jobs =
      input.script === undefined
        ? await toolJobs(folder, input.tool, context)
        : await scriptJobs(folder, input.script, context);
    const endsAt = context.now() + (input.timeLimitMs ?? checkMsMax);
    const check = emptyCheck(input.path);
    const found: Diagnostic[] = [];
    for (const [index, job] of jobs.entries()) {
      context.progress((0.95 * index) / jobs.length, job.name);
      const timeMs = Math.max(1, endsAt - context.now());
      const result = await runProgram(job.program, { folder, timeMs, signal: context.signal });
      found.push(...addTool(check, job, result, folder));
      // A script's later commands would not have been run.
      if (job.stopsOthers && result.exitCode !== 0) break;
    }
    addDiagnostics(check, found);
    context.progress(1);
    return check;
  },
});

interface Job {
  readonly name: string;
  readonly version: string;
  readonly program: Program;
  readonly read: Checker['read'];
  /** Whether a failure of this one keeps the next from running. */
  readonly stopsOthers: boolean;
}

async function toolJobs(folder: string, tool: string | undefined, context: OperationContext): Promise<Job[]> {
  const { permissions } = context;
  const manifest = await manifestOf(folder, permissions);
  const jobs: Job[] = [];
  for (const checker of checkers) {
    const wanted = tool === undefined ? usesChecker(checker, folder, manifest, permissions) : tool === checker.name;
    const installed = wanted ? await packageProgram(folder, checker.packageName, checker.binName, permissions) : null;
    if (installed === null) continue;
    const { file, arguments: before } = installed.program;
    const program = { file, arguments: [...before, ...checker.arguments] };
    jobs.push({ name: checker.name, version: installed.version, program, read: checker.read, stopsOthers: false });
  }
  if (jobs.length > 0) return jobs;
  throw new OperationFailure('checker_not_found', 'the folder uses no checker that is known here and installed');
}

async function scriptJobs(folder: string, script: string, context: OperationContext): Promise<Job[]> {
  const manifest = await manifestOf(folder, context.permissions);
  const jobs: Job[] = [];
  for (const step of scriptSteps(script, manifest?.scripts ?? {})) {
    const program =
      step.name === 'node'
        ? { file: process.execPath, arguments: [] }
        : await binProgram(folder, step.name, context.permissions);
    if (program === null) {
      throw new OperationFailure('checker_not_found', `the project brings no program ${cutText(step.name, 60)}`);
    }
    const whole = { file: program.file, arguments: [...program.arguments, ...step.arguments] };
    jobs.push({ name: step.name, version: '', program: whole, read: readLines, stopsOthers: true });
  }
  return jobs;
}

function emptyCheck(path: string): Check {
  return {
    path,
    clean: true,
    tools: [],
    totals: { errors: 0, warnings: 0, infos: 0 },
    diagnostics: [],
    omitted: 0,
    outputCut: false,
  };
}

/** Longest piece of raw output kept; its end says why a program failed. */
const outputLengthMax = 4_000;

/** Adds what one tool did; its diagnostics are returned. */
function addTool(check: Check, job: Job, result: ProgramResult, folder: string): Diagnostic[] {
  const found = job.read(result.stdout, folder).map((diagnostic) => ({ tool: job.name, ...diagnostic }));
  const unexplained = result.exitCode !== 0 && found.length === 0;
  const printed = unexplained ? `${result.stdout}\n${result.stderr}`.trim() : '';
  const output = cutTextStart(withoutFolder(printed, folder), outputLengthMax);
  check.tools.push({ name: job.name, version: job.version, exitCode: result.exitCode, output });
  check.clean &&= result.exitCode === 0 && found.every((diagnostic) => diagnostic.severity !== 'error');
  check.outputCut ||= result.outputCut;
  return found;
}

function addDiagnostics(check: Check, found: readonly Diagnostic[]): void {
  const budget = jsonBudget(outputBytesMax - jsonBytes(check) - 100);
  for (const severity of ['error', 'warning', 'info'] as const) {
    const group = found.filter((diagnostic) => diagnostic.severity === severity);
    check.totals[`${severity}s`] = group.length;
    for (const diagnostic of group) {
      if (budget.take(diagnostic)) check.diagnostics.push(diagnostic);
      else check.omitted += 1;
    }
  }
}
