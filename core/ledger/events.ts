// What can happen in the ledger. Resolving a hold is a transfer of its own that names the hold [P5].

import type { TransferId } from '../ids.ts';

interface Movement {
  readonly transfer: TransferId;
  readonly debit: string;
  readonly credit: string;
  readonly amountMicro: number;
  readonly reference: string;
}

export type LedgerEvent =
  | { readonly type: 'transfer.posted'; readonly subject: string; readonly body: Movement }
  | {
      readonly type: 'transfer.held';
      readonly subject: string;
      readonly body: Movement & { readonly expiresAt: number };
    }
  /** `amountMicro` of the hold moves, the rest is the debit account's again. */
  | { readonly type: 'transfer.settled'; readonly subject: string; readonly body: Resolution }
  | { readonly type: 'transfer.voided'; readonly subject: string; readonly body: Resolution }
  | { readonly type: 'transfer.expired'; readonly subject: string; readonly body: Resolution };

interface Resolution {
  /** The resolving transfer. */
  readonly transfer: TransferId;
  /** The hold that it ends. */
  readonly hold: TransferId;
  readonly debit: string;
  readonly credit: string;
  readonly heldMicro: number;
  readonly amountMicro: number;
}
