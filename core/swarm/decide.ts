// The door of a swarm's rules: every command of every kind is decided here, and nowhere else.

import { decideArchive } from '../archive/decide.ts';
import { decideClock } from '../clock/decide.ts';
import { decideDevices } from '../devices/decide.ts';
import { decideForks, forkSwarm, holdBack } from '../forks/decide.ts';
import { actsOutside } from '../forks/state.ts';
import { canonicalStored, hasHalfPair, isLargerThan } from '../json.ts';
import { decideKeys, refuseActor } from '../keys/decide.ts';
import { decideLedger, post } from '../ledger/decide.ts';
import { TENANT_ACCOUNT, TREASURY } from '../ledger/state.ts';
import { amountMicroMax, cycleMs, eventBodyBytesMax } from '../limits.ts';
import { decideMissions } from '../missions/decide.ts';
import { err, ok, type Result } from '../result.ts';
import { CLOUD_OPERATIONS, CLOUD_PARALLEL } from '../routes/cloud.ts';
import { decideTriggers } from '../triggers/decide.ts';
import { decideWebhooks } from '../webhooks/decide.ts';
import { decideWork } from '../work/decide.ts';
import type { OwnCommand, SwarmCommand } from './commands.ts';
import { follow } from './consequences.ts';
import type { Draft } from './draft.ts';
import type { Rejection } from './rejections.ts';
import { SELF } from './state.ts';

/**
 * Decides a command: says events into the draft, or refuses. The value is the id of what the command was about.
 * A refused draft must be dropped: it may hold events that were said before the refusal.
 */
export function decide(draft: Draft, command: SwarmCommand, firstSeq: number): Result<string, Rejection> {
  const refused = refuseEntry(draft, command);
  if (refused) return err(refused);
  if (command.type === 'CreateSwarm')
    return draft.row('swarm', SELF) === null ? createSwarm(draft, command) : err({ code: 'swarm_exists' });
  if (command.type === 'ForkSwarm' && draft.row('swarm', SELF) !== null) return err({ code: 'swarm_exists' });
  const decided = command.type === 'ForkSwarm' ? forkSwarm(draft, command) : dispatchCommand(draft, command, firstSeq);
  if (!decided.ok) return decided;
  follow(draft, firstSeq);
  // What does not fit an event is refused whole, whichever way it came in [P15].
  const large = draft.said.find(({ body }) => isLargerThan(body, eventBodyBytesMax));
  if (large) return err({ code: 'content_too_large', event: large.type, bytesMax: eventBodyBytesMax });
  return bringsHalfPair(draft, command) ? err({ code: 'content_invalid' }) : decided;
}

/** Half a surrogate pair that comes of what an earlier version stored goes on; one that a command brings enters nowhere [DOOR-2]. */
function bringsHalfPair({ said }: Draft, command: SwarmCommand): boolean {
  return said.some(({ body }) => hasHalfPair(body)) && hasHalfPair(canonicalStored(command));
}

/**
 * Refuses what may not come in at all, whatever it asks: such a refusal is no answer to the command, and is not kept as
 * one. The same id may be tried again with a key that is in force.
 */
export function refuseEntry(
  draft: Pick<Draft, 'row' | 'moment'>,
  command: Pick<SwarmCommand, 'type'>,
): Rejection | null {
  if (command.type === 'CreateSwarm' || command.type === 'ForkSwarm') return null;
  return draft.row('swarm', SELF) === null ? { code: 'swarm_not_found' } : refuseActor(draft);
}

function dispatchCommand(
  draft: Draft,
  command: Exclude<SwarmCommand, { type: 'CreateSwarm' | 'ForkSwarm' }>,
  firstSeq: number,
): Result<string, Rejection> {
  switch (command.type) {
    case 'ParkTimer':
      draft.emit({
        type: 'timer.parked',
        subject: `timer/${command.timer}`,
        body: { timer: command.timer, command: command.command, tries: command.tries },
      });
      return ok(command.timer);
    case 'PostTransfer':
    case 'HoldTransfer':
    case 'SettleTransfer':
    case 'VoidTransfer':
    case 'ExpireTransfer':
    case 'CloseCycle':
      return decideLedger(draft, command);
    case 'RequestTask':
    case 'CancelTask':
    case 'ReportAttempt':
    case 'ReportUndelivered':
    case 'ExpireLease':
    case 'ExpireTask':
    case 'RetryTask':
      return decideWork(draft, command);
    case 'StartMission':
    case 'CancelMission':
    case 'WalkMission':
      return decideMissions(draft, command);
    case 'OpenEnrollment':
    case 'EnrollDevice':
    case 'AdmitDevice':
    case 'DeviceLeft':
    case 'ChangeDevice':
    case 'RevokeDevice':
    case 'TakeFact':
      return decideDevices(draft, command);
    case 'IssueKey':
    case 'RotateKey':
    case 'RevokeKey':
      return decideKeys(draft, command);
    case 'CreateTrigger':
    case 'RotateTrigger':
    case 'DeleteTrigger':
    case 'FireTrigger':
      return decideTriggers(draft, command);
    case 'CreateWebhook':
    case 'RotateWebhook':
    case 'EnableWebhook':
    case 'DeleteWebhook':
    case 'RecordDelivery':
      return decideWebhooks(draft, command);
    case 'ReplayDelivery':
    case 'RetryDelivery':
      return actsOutside(draft.swarm()) ? decideWebhooks(draft, command) : holdBack(draft, command);
    case 'RecordSnapshot':
    case 'RecordSegment':
    case 'ExpireHistory':
    case 'RecordDeleted':
    case 'SetRetention':
      return decideArchive(draft, command);
    case 'NoteClock':
    case 'MoveTimes':
      return decideClock(draft, command, firstSeq);
    case 'SettleFork':
    case 'SetEffects':
    case 'WakeExecutor':
    case 'BeginWhatIf':
    case 'AdoptRoutes':
    case 'RerunTask':
    case 'RerunMission':
    case 'PlaceRerun':
    case 'NoteRerun':
    case 'EndWhatIf':
      return decideForks(draft, command);
  }
}

/** The first events: the swarm, its supply, its first key, and what the swarm itself can do. */
function createSwarm(draft: Draft, command: Extract<OwnCommand, { type: 'CreateSwarm' }>): Result<string, Rejection> {
  const { tenant, swarm, name, publicKey, supplyMicro, key } = command;
  if (supplyMicro < 0 || supplyMicro > amountMicroMax) return err({ code: 'amount_invalid' });
  draft.emit({
    type: 'swarm.created',
    subject: `swarm/${swarm}`,
    body: { swarm, tenant, name, publicKey, supplyMicro, cycleEndsAt: draft.moment.at + cycleMs },
  });
  if (supplyMicro > 0) {
    const transfer = draft.moment.ids.next('trf');
    const issued = post(draft, {
      transfer,
      debit: TREASURY,
      credit: TENANT_ACCOUNT,
      amountMicro: supplyMicro,
      reference: 'cycle/1',
    });
    if (!issued.ok) return issued;
  }
  draft.emit({ type: 'key.issued', subject: `key/${key}`, body: { key, name: 'first key', scopes: ['admin'] } });
  for (const { name: operation, ...offer } of CLOUD_OPERATIONS) {
    const route = `${operation}@cloud`;
    draft.emit({
      type: 'route.offered',
      subject: `route/${route}`,
      body: { route, operation, executor: 'cloud', ...offer },
    });
  }
  draft.emit({
    type: 'executor.opened',
    subject: 'executor/cloud',
    body: { executor: 'cloud', parallel: CLOUD_PARALLEL, operations: CLOUD_OPERATIONS.map((offer) => offer.name) },
  });
  return ok(swarm);
}
