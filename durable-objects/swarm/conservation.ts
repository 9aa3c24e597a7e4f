// The conservation assertion: credits are neither made nor lost, and holds are exactly what pending transfers hold [P4]. Each
// transaction is checked by what it changed, before it commits; the whole ledger each time the object starts.

import { Defect } from '../../core/assert.ts';
import { TREASURY } from '../../core/ledger/state.ts';
import type { Draft } from '../../core/swarm/draft.ts';
import type { Read } from '../../core/swarm/read.ts';
import { first, type Sql } from '../sql-port.ts';

/** The books do not add up: the transaction is rolled back and the swarm stops writing [P4]. */
export class BooksBroken extends Defect {}

/** Adds up what one transaction does to the ledger. */
export class LedgerGuard {
  #posted = 0;
  #held = 0;
  #pending = 0;

  /** Called with each decision before its rows are merged: `read` still gives the rows before it. */
  watch(draft: Draft, read: Read): void {
    for (const { kind, id } of draft.rows.values()) {
      if (kind === 'account') {
        const before = read.row('account', id);
        const after = draft.row('account', id);
        this.#posted += (after?.postedMicro ?? 0) - (before?.postedMicro ?? 0);
        this.#held += (after?.heldMicro ?? 0) - (before?.heldMicro ?? 0);
        if (id !== TREASURY && after && after.postedMicro < after.heldMicro)
          throw new BooksBroken('an account is below its bound');
      } else if (kind === 'transfer') {
        const before = read.row('transfer', id);
        const after = draft.row('transfer', id);
        if (after?.state === 'pending') this.#pending += after.amountMicro;
        if (before?.state === 'pending') this.#pending -= before.amountMicro;
      }
    }
  }

  check(): void {
    if (this.#posted !== 0) throw new BooksBroken('the sum of all accounts has changed');
    if (this.#held !== this.#pending) throw new BooksBroken('what accounts hold is not what transfers hold');
  }
}

/** Why the whole ledger does not add up, or null when it does. */
export function checkBooks(sql: Sql): string | null {
  const sums = first(
    sql.all<{ posted: number; held: number; below: number }>(
      `SELECT coalesce(sum(body ->> '$.postedMicro'), 0) AS posted, coalesce(sum(body ->> '$.heldMicro'), 0) AS held,
              coalesce(sum(id <> '${TREASURY}' AND body ->> '$.postedMicro' < body ->> '$.heldMicro'), 0) AS below
       FROM account`,
    ),
  );
  const pending = first(
    sql.all<{ held: number }>(
      `SELECT coalesce(sum(body ->> '$.amountMicro'), 0) AS held FROM transfer WHERE body ->> '$.state' = 'pending'`,
    ),
  );
  if (sums?.posted !== 0) return 'the sum of all accounts is not nought';
  if (sums.below !== 0) return 'an account is below its bound';
  if (sums.held !== pending?.held) return 'what accounts hold is not what transfers hold';
  return null;
}
