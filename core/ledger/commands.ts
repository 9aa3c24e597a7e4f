// What may be asked of the ledger.

import type { TransferId } from '../ids.ts';

interface Movement {
  readonly debit: string;
  readonly credit: string;
  readonly amountMicro: number;
  readonly reference: string;
}

export type LedgerCommand =
  | ({ readonly type: 'PostTransfer' } & Movement)
  | ({ readonly type: 'HoldTransfer'; readonly timeoutMs: number } & Movement)
  | { readonly type: 'SettleTransfer'; readonly hold: TransferId; readonly amountMicro: number }
  | { readonly type: 'VoidTransfer'; readonly hold: TransferId }
  | { readonly type: 'ExpireTransfer'; readonly hold: TransferId }
  | { readonly type: 'CloseCycle'; readonly cycle: number };
