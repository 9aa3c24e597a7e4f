// How a proof that does not hold is told: where, and why.

import type { Verdict } from '../../../core/journal/verify.ts';
import { type CommandContext, fail } from './command.ts';
import type { ExitCode } from './exit-codes.ts';

/** Says where it does not hold. */
export function unproved(context: CommandContext, verdict: Extract<Verdict, { ok: false }>): ExitCode {
  if (context.json) context.terminal.out(`${JSON.stringify(verdict)}\n`);
  const where = verdict.seq === null ? '' : ` at event ${verdict.seq}`;
  return fail(context, 'unproved', {
    code: 'unproved',
    message: `not proved${where}: ${verdict.reason}`,
    seq: verdict.seq,
  });
}
