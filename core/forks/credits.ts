// Test credits: what a fork spends is nobody's, and costs nothing elsewhere.

import { assert } from '../assert.ts';
import { post } from '../ledger/decide.ts';
import { availableMicro, TENANT_ACCOUNT, TREASURY } from '../ledger/state.ts';
import type { Draft } from '../swarm/draft.ts';

/** Fills the tenant's account of a fork up to what a cycle brings. */
export function giveCredits(draft: Draft, swarm: string, supplyMicro: number): void {
  const missing = supplyMicro - availableMicro(draft.row('account', TENANT_ACCOUNT));
  if (missing < 1) return;
  const posted = post(draft, {
    transfer: draft.moment.ids.next('trf'),
    debit: TREASURY,
    credit: TENANT_ACCOUNT,
    amountMicro: missing,
    reference: `fork/${swarm}`,
  });
  assert(posted.ok, 'the treasury can always give what a cycle brings');
}
