// A ledger kept from the journal's events alone, by rules written here a second time: double entry, holds that end once, no
// account below nought but the treasury [P4] [P5].

import type { Findings } from './findings.ts';

const TREASURY = 'treasury';

export interface Balance {
  readonly postedMicro: number;
  readonly heldMicro: number;
}

export interface Books {
  take(type: string, body: Readonly<Record<string, never>>): void;
  accounts(): ReadonlyMap<string, Balance>;
  /** Amounts of the holds that have not ended, by transfer. */
  pending(): ReadonlyMap<string, number>;
  isMade(transfer: string): boolean;
  /** How a hold has ended. */
  ending(hold: string): string | undefined;
  /** Adds everything up. */
  check(): void;
}

interface Moved {
  readonly transfer: string;
  readonly hold: string;
  readonly debit: string;
  readonly credit: string;
  readonly amountMicro: number;
  readonly heldMicro: number;
}

export function openBooks(tenant: string, findings: Findings): Books {
  const accounts = new Map<string, Balance>();
  const pending = new Map<string, number>();
  const made = new Set<string>();
  const endings = new Map<string, string>();
  const wrong = (subject: string, why: string): void => findings.add('books', `${tenant} ${subject}`, why);

  function move(id: string, posted: number, held: number): void {
    const before = accounts.get(id) ?? { postedMicro: 0, heldMicro: 0 };
    const after = { postedMicro: before.postedMicro + posted, heldMicro: before.heldMicro + held };
    accounts.set(id, after);
    if (after.heldMicro < 0) wrong(id, 'the account holds less than nothing');
    if (id !== TREASURY && after.postedMicro < after.heldMicro) wrong(id, 'the account is below its bound');
  }
  function make(transfer: string): void {
    if (made.has(transfer)) findings.add('doubled', `${tenant} ${transfer}`, 'the transfer was made twice');
    made.add(transfer);
  }
  function end(type: string, { hold, debit, credit, amountMicro, heldMicro }: Moved): void {
    const amount = pending.get(hold);
    if (amount === undefined)
      findings.add('doubled', `${tenant} ${hold}`, `the hold ended twice: ${endings.get(hold)}, then ${type}`);
    if (amount !== undefined && amount !== heldMicro) wrong(hold, `${heldMicro} were released of ${amount} held`);
    if (amountMicro > heldMicro) wrong(hold, 'more was settled than was held');
    if (type !== 'transfer.settled' && amountMicro !== 0) wrong(hold, 'credits moved with a hold that was given back');
    pending.delete(hold);
    endings.set(hold, type);
    move(debit, -amountMicro, -heldMicro);
    move(credit, amountMicro, 0);
  }
  return {
    take(type, body) {
      // The members of the ledger's events, as the journal has them.
      const moved = body as unknown as Moved;
      switch (type) {
        case 'transfer.posted':
          make(moved.transfer);
          move(moved.debit, -moved.amountMicro, 0);
          move(moved.credit, moved.amountMicro, 0);
          return;
        case 'transfer.held':
          make(moved.transfer);
          pending.set(moved.transfer, moved.amountMicro);
          move(moved.debit, 0, moved.amountMicro);
          // Nothing has moved to it, and it is there from now on.
          move(moved.credit, 0, 0);
          return;
        case 'transfer.settled':
        case 'transfer.voided':
        case 'transfer.expired':
          end(type, moved);
          return;
        default:
          return;
      }
    },
    accounts: () => accounts,
    pending: () => pending,
    isMade: (transfer) => made.has(transfer),
    ending: (hold) => endings.get(hold),
    check() {
      let posted = 0;
      let held = 0;
      for (const account of accounts.values()) {
        posted += account.postedMicro;
        held += account.heldMicro;
      }
      let reserved = 0;
      for (const amount of pending.values()) reserved += amount;
      if (posted !== 0) wrong('sum', `the accounts add up to ${posted}`);
      if (held !== reserved) wrong('held', `accounts hold ${held}, transfers ${reserved}`);
    },
  };
}
