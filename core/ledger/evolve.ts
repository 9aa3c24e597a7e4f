// What accounts and transfers look like after an event.

import { assert } from '../assert.ts';
import type { LedgerEvent } from './events.ts';
import { type Account, TREASURY, type Transfer } from './state.ts';

/** The account `id` after `event`, which names it as debit or credit. */
export function evolveAccount(account: Account | null, id: string, event: LedgerEvent): Account {
  const { body } = event;
  let posted = account?.postedMicro ?? 0;
  let held = account?.heldMicro ?? 0;
  if (id === body.debit) {
    if (event.type === 'transfer.posted') posted -= body.amountMicro;
    else if (event.type === 'transfer.held') held += body.amountMicro;
    else {
      held -= event.body.heldMicro;
      posted -= body.amountMicro;
    }
  }
  if (id === body.credit && event.type !== 'transfer.held') posted += body.amountMicro;
  assert(Number.isSafeInteger(posted) && Number.isSafeInteger(held), 'balances are exact integers');
  assert(held >= 0, 'an account never holds less than nothing');
  assert(id === TREASURY || posted - held >= 0, 'no account goes below its bound [P4]');
  return { id, postedMicro: posted, heldMicro: held };
}

/** The transfer that `event` makes or resolves. */
export function evolveTransfer(transfer: Transfer | null, event: LedgerEvent, at: number): Transfer {
  switch (event.type) {
    case 'transfer.posted':
    case 'transfer.held': {
      assert(transfer === null, 'a transfer is made once');
      const { body } = event;
      const held = event.type === 'transfer.held';
      return {
        id: body.transfer,
        state: held ? 'pending' : 'posted',
        debit: body.debit,
        credit: body.credit,
        amountMicro: body.amountMicro,
        settledMicro: null,
        reference: body.reference,
        expiresAt: held ? event.body.expiresAt : null,
        createdAt: at,
        resolvedAt: null,
      };
    }
    default: {
      assert(transfer !== null && transfer.state === 'pending', 'a hold ends once [P5]');
      const settled = event.type === 'transfer.settled';
      const state = settled ? 'settled' : event.type === 'transfer.voided' ? 'voided' : 'expired';
      return { ...transfer, state, settledMicro: settled ? event.body.amountMicro : null, resolvedAt: at };
    }
  }
}
