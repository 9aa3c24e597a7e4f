// May credits move? Every answer is a value; nothing is emitted by a refusal.

import type { TransferId } from '../ids.ts';
import { amountMicroMax } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import { sweptAtOnce } from '../swarm/read.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { LedgerCommand } from './commands.ts';
import type { LedgerEvent } from './events.ts';
import { availableMicro, isOfTask, isReserved, TENANT_ACCOUNT, TREASURY, type Transfer } from './state.ts';

export interface Move {
  readonly transfer: TransferId;
  readonly debit: string;
  readonly credit: string;
  readonly amountMicro: number;
  readonly reference: string;
}

/** Posts a transfer at once. */
export function post(draft: Draft, move: Move): Result<TransferId, Rejection> {
  const refused = refuseMove(draft, move);
  if (refused) return err(refused);
  draft.emit({ type: 'transfer.posted', subject: `transfer/${move.transfer}`, body: move });
  return ok(move.transfer);
}

/** Reserves credits until `expiresAt`, to be settled, voided or expired, once. */
export function hold(draft: Draft, move: Move, expiresAt: number): Result<TransferId, Rejection> {
  const refused = refuseMove(draft, move);
  if (refused) return err(refused);
  draft.emit({ type: 'transfer.held', subject: `transfer/${move.transfer}`, body: { ...move, expiresAt } });
  return ok(move.transfer);
}

/** Ends a hold: settled at `amountMicro` (at most what was held; the rest is released), voided or expired. */
export function resolve(
  draft: Draft,
  holdId: TransferId,
  how: 'settled' | 'voided' | 'expired',
  amountMicro = 0,
): Result<TransferId, Rejection> {
  const held = draft.row('transfer', holdId);
  if (held === null || held.state === 'posted') return err({ code: 'hold_not_found' });
  if (held.state !== 'pending') return err({ code: 'hold_already_resolved', state: held.state });
  if (!Number.isSafeInteger(amountMicro) || amountMicro < 0) return err({ code: 'amount_invalid' });
  if (amountMicro > held.amountMicro) return err({ code: 'hold_exceeded', heldMicro: held.amountMicro });
  draft.emit(resolution(held, how, draft.moment.ids.next('trf'), how === 'settled' ? amountMicro : 0));
  return ok(holdId);
}

function resolution(
  held: Transfer,
  how: 'settled' | 'voided' | 'expired',
  transfer: TransferId,
  amountMicro: number,
): LedgerEvent {
  return {
    type: `transfer.${how}`,
    subject: `transfer/${held.id}`,
    body: { transfer, hold: held.id, debit: held.debit, credit: held.credit, heldMicro: held.amountMicro, amountMicro },
  };
}

function refuseMove(draft: Draft, move: Move): Rejection | null {
  if (move.debit === move.credit) return { code: 'transfer_to_itself' };
  if (!Number.isSafeInteger(move.amountMicro) || move.amountMicro < 1 || move.amountMicro > amountMicroMax)
    return { code: 'amount_invalid' };
  if (move.debit === TREASURY) return null;
  const available = availableMicro(draft.row('account', move.debit));
  if (available < move.amountMicro)
    return { code: 'credits_insufficient', availableMicro: available, neededMicro: move.amountMicro };
  return null;
}

/** Commands that clients and timers give to the ledger. */
export function decideLedger(draft: Draft, command: LedgerCommand): Result<TransferId, Rejection> {
  switch (command.type) {
    case 'PostTransfer':
    case 'HoldTransfer': {
      // Credits enter and leave circulation by cycles alone.
      if (command.debit === TREASURY || command.credit === TREASURY)
        return err({ code: 'account_reserved', account: TREASURY });
      // A hold in the name of a task would never end: the task that would end it does not know of it [P5].
      if (isReserved(command.reference)) return err({ code: 'reference_reserved' });
      const transfer = draft.moment.ids.next('trf');
      const move = {
        transfer,
        debit: command.debit,
        credit: command.credit,
        amountMicro: command.amountMicro,
        reference: command.reference,
      };
      return command.type === 'PostTransfer'
        ? post(draft, move)
        : hold(draft, move, draft.moment.at + command.timeoutMs);
    }
    case 'SettleTransfer':
    case 'VoidTransfer': {
      const held = draft.row('transfer', command.hold);
      // A hold of a task is resolved by that task alone [P5].
      if (held && isOfTask(held)) return err({ code: 'transfer_reserved' });
      return command.type === 'SettleTransfer'
        ? resolve(draft, command.hold, 'settled', command.amountMicro)
        : resolve(draft, command.hold, 'voided');
    }
    case 'ExpireTransfer': {
      const held = draft.row('transfer', command.hold);
      if (held?.state !== 'pending' || isOfTask(held)) return ok(command.hold); // already so, or not the ledger's
      if (held.expiresAt !== null && held.expiresAt > draft.moment.at) return ok(command.hold); // not yet
      return resolve(draft, command.hold, 'expired');
    }
    case 'CloseCycle':
      return closeCycle(draft, command.cycle);
  }
}

/**
 * Ends a cycle: what executors have earned and not spent goes back to the treasury, then the tenant is topped up so that
 * exactly the cycle's supply is in circulation again. Holds stay with their tasks.
 */
function closeCycle(draft: Draft, cycle: number): Result<TransferId, Rejection> {
  const swarm = draft.swarm();
  if (swarm.cycle !== cycle) return ok(draft.moment.ids.next('trf')); // already closed
  const reference = `cycle/${cycle}`;
  const accounts = draft.accountsToSweep();
  for (const account of accounts) {
    const amountMicro = availableMicro(account);
    if (account.id === TREASURY || account.id === TENANT_ACCOUNT || amountMicro < 1) continue;
    const swept = post(draft, {
      transfer: draft.moment.ids.next('trf'),
      debit: account.id,
      credit: TREASURY,
      amountMicro,
      reference,
    });
    if (!swept.ok) return swept;
  }
  // There may be more of them: the same cycle is closed again, from where this one stopped.
  if (accounts.length === sweptAtOnce) {
    draft.emit({ type: 'cycle.swept', subject: `swarm/${swarm.id}`, body: { cycle, accounts: accounts.length } });
    return ok(draft.moment.ids.next('trf'));
  }
  const inCirculation = -(draft.row('account', TREASURY)?.postedMicro ?? 0);
  const missing = swarm.supplyMicro - inCirculation;
  const transfer = draft.moment.ids.next('trf');
  if (missing > 0) {
    const issued = post(draft, {
      transfer,
      debit: TREASURY,
      credit: TENANT_ACCOUNT,
      amountMicro: missing,
      reference: `cycle/${cycle + 1}`,
    });
    if (!issued.ok) return issued;
  }
  draft.emit({
    type: 'cycle.closed',
    subject: `swarm/${swarm.id}`,
    body: { cycle, next: cycle + 1, supplyMicro: swarm.supplyMicro },
  });
  return ok(transfer);
}
