// What a fork may do as a fork: begin, settle what was under way in its parent, and act outside or not. The rules of its work
// are those of any swarm.

import { archiveId } from '../archive/state.ts';
import { resolve } from '../ledger/decide.ts';
import { cycleMs } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import { dispatch } from '../work/place.ts';
import { liveAttempt, type Task } from '../work/state.ts';
import type { ForkCommand } from './commands.ts';
import { giveCredits } from './credits.ts';
import { decideRerun } from './rerun.ts';
import type { Fork } from './state.ts';

type Named<T extends ForkCommand['type']> = Extract<ForkCommand, { readonly type: T }>;

export function decideForks(
  draft: Draft,
  command: Exclude<ForkCommand, { type: 'ForkSwarm' }>,
): Result<string, Rejection> {
  const { id, fork } = draft.swarm();
  if (fork === undefined) return err({ code: 'not_a_fork' });
  switch (command.type) {
    case 'SettleFork':
      for (const device of command.devices) leave(draft, device);
      for (const task of command.tasks) giveBack(draft, draft.row('task', task));
      return ok(id);
    case 'SetEffects':
      return setEffects(draft, fork, command.effects);
    case 'WakeExecutor':
      if (fork.effects === 'on') dispatch(draft, command.executor);
      return ok(id);
    default:
      return decideRerun(draft, fork, command);
  }
}

/** The first events of a fork: what it is, the rows that it begins with, its credits and its one key. */
export function forkSwarm(draft: Draft, command: Named<'ForkSwarm'>): Result<string, Rejection> {
  const { type: _, key, scopes, base, ...body } = command;
  const { swarm, supplyMicro } = body;
  draft.emit({
    type: 'swarm.forked',
    subject: `swarm/${swarm}`,
    // Its cycles are counted on, and the one that runs begins now.
    body: { ...body, cycleEndsAt: draft.moment.at + cycleMs },
  });
  const snapshot = archiveId(base.seq);
  draft.emit({ type: 'snapshot.taken', subject: `snapshot/${snapshot}`, body: { snapshot, ...base } });
  draft.emit({ type: 'key.issued', subject: `key/${key}`, body: { key, name: 'key of the fork', scopes } });
  giveCredits(draft, swarm, supplyMicro);
  return ok(swarm);
}

/** A device of the parent is not connected here, whatever it was there. */
function leave(draft: Draft, id: string): void {
  const presence = draft.row('presence', id);
  const device = draft.row('device', id);
  if (!device || !presence?.connected) return;
  draft.emit({
    type: 'device.disconnected',
    subject: `device/${device.id}`,
    body: { device: device.id, connection: presence.connection ?? '' },
  });
}

/** An attempt that was under way in the parent goes on there and not here: its hold ends, the task is queued [P5]. */
function giveBack(draft: Draft, task: Task | null): void {
  const attempt = task && liveAttempt(task);
  if (!task || !attempt) return;
  const subject = `task/${task.id}`;
  const of = { task: task.id, attempt: attempt.id };
  draft.emit({ type: 'attempt.cancelled', subject, body: { ...of, executor: attempt.executor } });
  resolve(draft, attempt.hold, 'voided');
  draft.emit({ type: 'task.requeued', subject, body: { task: task.id, notBefore: draft.moment.at } });
}

function setEffects(draft: Draft, fork: Fork, effects: 'off' | 'on'): Result<string, Rejection> {
  const { id } = draft.swarm();
  // A simulation that is under way has executors that are not there: nothing may be sent to them.
  if (fork.whatIf !== null && fork.whatIf.ended === null) return err({ code: 'what_if_running' });
  if (fork.effects !== effects) draft.emit({ type: 'effects.changed', subject: `swarm/${id}`, body: { effects } });
  return ok(id);
}

/** A webhook is to be told, and nothing leaves this fork: what waited ends, what is asked for is refused. */
export function holdBack(
  draft: Draft,
  command: { readonly type: 'RetryDelivery' | 'ReplayDelivery'; readonly delivery: string },
): Result<string, Rejection> {
  if (command.type === 'ReplayDelivery') return err({ code: 'effects_off' });
  const delivery = draft.row('delivery', command.delivery);
  if (delivery?.state !== 'waiting') return ok(command.delivery);
  const { id, webhook, attempts } = delivery;
  const body = { delivery: id, webhook, attempt: attempts, status: null, error: 'effects_off' };
  draft.emit({ type: 'delivery.ended', subject: `delivery/${id}`, body: { ...body, outcome: 'given_up' } });
  return ok(id);
}
