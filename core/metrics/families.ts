// Every metric of a swarm: its name, what it means, and how it is read from the view. Names are stable; units are base units
// (seconds, bytes, credits). docs/reference/metrics.md lists the same ones, and a test compares.

import { storageBytesRefuse } from '../limits.ts';
import { OPEN_TASK_STATES } from '../work/state.ts';
import type { MetricsView, TracesView } from './view.ts';

export type MetricType = 'gauge' | 'counter';
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  /** Of a counter without `_total`, which every format adds. */
  readonly name: string;
  readonly type: MetricType;
  /** The last part of the name, where it is one. */
  readonly unit?: 'seconds' | 'bytes' | 'credits';
  readonly help: string;
  /** Names of labels beside `swarm`, which all have. */
  readonly labels: readonly string[];
  read(view: MetricsView): readonly Sample[];
}

const creditOf = (micro: number): number => micro / 1_000_000;

/** One sample without labels. */
function one(
  name: string,
  type: MetricType,
  help: string,
  value: (view: MetricsView) => number | null,
  unit?: Family['unit'],
): Family {
  const read: Family['read'] = (view) => {
    const found = value(view);
    return found === null ? [] : [{ labels: {}, value: found }];
  };
  return { name, type, help, labels: [], read, ...(unit === undefined ? {} : { unit }) };
}

/** A counter of what has ended: of the events `<kind>.<outcome>`, by the outcome. */
function ended(name: string, help: string, kind: string, outcomes: readonly string[]): Family {
  return {
    name,
    type: 'counter',
    help,
    labels: ['outcome'],
    read: ({ events }) =>
      outcomes.map((outcome) => ({ labels: { outcome }, value: events[`${kind}.${outcome}`] ?? 0 })),
  };
}

/** Something of the export of traces, where it is on. */
function ofTraces(name: string, type: MetricType, help: string, value: (traces: TracesView) => number): Family {
  return one(name, type, help, ({ traces }) => (traces === null ? null : value(traces)));
}

const work: readonly Family[] = [
  {
    name: 'starling_tasks_open',
    type: 'gauge',
    help: 'Tasks in which something may still happen, by state.',
    labels: ['state'],
    read: ({ tasksOpen }) => OPEN_TASK_STATES.map((state) => ({ labels: { state }, value: tasksOpen[state] ?? 0 })),
  },
  ended('starling_tasks_ended', 'Tasks that have ended, by outcome.', 'task', [
    'succeeded',
    'failed',
    'cancelled',
    'expired',
  ]),
  one(
    'starling_attempts_leased',
    'counter',
    'Attempts that an executor was given.',
    ({ events }) => events['task.leased'] ?? 0,
  ),
  ended('starling_attempts_ended', 'Attempts that have ended, by outcome.', 'attempt', [
    'succeeded',
    'failed',
    'declined',
    'lost',
    'cancelled',
  ]),
  one('starling_missions_open', 'gauge', 'Missions under way.', ({ missionsOpen }) => missionsOpen),
  ended('starling_missions_ended', 'Missions that have ended, by outcome.', 'mission', [
    'succeeded',
    'failed',
    'cancelled',
  ]),
];

const ledger: readonly Family[] = [
  one(
    'starling_available_credits',
    'gauge',
    'Credits that the tenant may still spend.',
    ({ availableMicro }) => creditOf(availableMicro),
    'credits',
  ),
  one(
    'starling_held_credits',
    'gauge',
    'Credits that are reserved by holds.',
    ({ heldMicro }) => creditOf(heldMicro),
    'credits',
  ),
  one(
    'starling_settled_credits',
    'counter',
    'Credits that holds were settled at.',
    ({ settledMicro }) => creditOf(settledMicro),
    'credits',
  ),
];

const outside: readonly Family[] = [
  one(
    'starling_devices_enrolled',
    'gauge',
    'Devices that are enrolled and not revoked.',
    ({ devicesEnrolled }) => devicesEnrolled,
  ),
  one('starling_devices_connected', 'gauge', 'Devices that are connected.', ({ devicesConnected }) => devicesConnected),
  ended('starling_deliveries_ended', 'Deliveries of webhooks that have ended, by outcome.', 'delivery', [
    'succeeded',
    'ended',
  ]),
  one(
    'starling_delivery_failures',
    'counter',
    'Tries of a delivery that failed and will be repeated.',
    ({ events }) => events['delivery.failed'] ?? 0,
  ),
  one('starling_outbox_waiting', 'gauge', 'Effects that wait to be carried out.', ({ outboxWaiting }) => outboxWaiting),
  one(
    'starling_outbox_parked',
    'gauge',
    'Effects that were given up; somebody should look.',
    ({ outboxParked }) => outboxParked,
  ),
  one('starling_followers', 'gauge', 'Readers of the live journal.', ({ followers }) => followers),
];

const object: readonly Family[] = [
  {
    name: 'starling_swarm_info',
    type: 'gauge',
    help: 'Whose swarm this is. Always 1.',
    labels: ['tenant'],
    read: ({ tenant }) => [{ labels: { tenant }, value: 1 }],
  },
  one('starling_journal_head_seq', 'gauge', 'The seq of the last event.', ({ headSeq }) => headSeq),
  {
    name: 'starling_events',
    type: 'counter',
    help: 'Events by type, since counting began.',
    labels: ['type'],
    read: ({ events }) =>
      Object.keys(events)
        .toSorted()
        .map((type) => ({ labels: { type }, value: events[type] ?? 0 })),
  },
  one('starling_timers_waiting', 'gauge', 'Timers that are set.', ({ timersWaiting }) => timersWaiting),
  one('starling_timers_due', 'gauge', 'Timers that are due and have not run yet.', ({ timersDue }) => timersDue),
  one(
    'starling_timers_late_seconds',
    'gauge',
    'How late the timer is that has been due for longest.',
    ({ timersLateMs }) => timersLateMs / 1_000,
    'seconds',
  ),
  one(
    'starling_timers_parked',
    'counter',
    'Timers and effects that failed so often that they were given up.',
    ({ events }) => events['timer.parked'] ?? 0,
  ),
  one(
    'starling_halted',
    'gauge',
    '1 when the swarm has stopped writing because its books do not add up.',
    ({ isHalted }) => Number(isHalted),
  ),
  one(
    'starling_breaker_open',
    'gauge',
    '1 while writes are refused because there were too many.',
    ({ isBreakerOpen }) => Number(isBreakerOpen),
  ),
  one(
    'starling_storage_bytes',
    'gauge',
    'Size of the database of the swarm.',
    ({ storageBytes }) => storageBytes,
    'bytes',
  ),
  one(
    'starling_storage_limit_bytes',
    'gauge',
    'Size from which on new work is refused.',
    () => storageBytesRefuse,
    'bytes',
  ),
];

const recorder: readonly Family[] = [
  one(
    'starling_checkpoint_seq',
    'gauge',
    'Events that the longest signed checkpoint covers.',
    ({ checkpoint }) => checkpoint?.size ?? null,
  ),
  one(
    'starling_checkpoint_timestamp_seconds',
    'gauge',
    'When the longest checkpoint was signed, since the epoch.',
    ({ checkpoint }) => (checkpoint === null ? null : checkpoint.at / 1_000),
    'seconds',
  ),
  one(
    'starling_snapshot_seq',
    'gauge',
    'The seq of the newest snapshot; 0 before the first.',
    ({ snapshotSeq }) => snapshotSeq,
  ),
  one(
    'starling_archived_seq',
    'gauge',
    'The last seq that lies in the archive; 0 before the first.',
    ({ archivedSeq }) => archivedSeq,
  ),
  {
    name: 'starling_chore_failures',
    type: 'gauge',
    help: 'Failures of a chore of the recorder since it last went well.',
    labels: ['chore'],
    read: ({ choreFailures }) => Object.entries(choreFailures).map(([chore, value]) => ({ labels: { chore }, value })),
  },
];

const traces: readonly Family[] = [
  ofTraces(
    'starling_trace_backlog_events',
    'gauge',
    'Events whose spans are still to be exported.',
    ({ backlog }) => backlog,
  ),
  ofTraces('starling_trace_tries', 'gauge', 'How often the request under way was not taken.', ({ tries }) => tries),
  ofTraces('starling_trace_spans_exported', 'counter', 'Spans that the collector has taken.', ({ taken }) => taken),
  ofTraces(
    'starling_trace_spans_rejected',
    'counter',
    'Spans that the collector has rejected.',
    ({ rejected }) => rejected,
  ),
  ofTraces('starling_trace_spans_lost', 'counter', 'Spans that were given up.', ({ lost }) => lost),
  ofTraces(
    'starling_trace_events_skipped',
    'counter',
    'Events that went to the archive before they were exported.',
    ({ skipped }) => skipped,
  ),
];

/** All of them, in the order in which they are shown. */
export const FAMILIES: readonly Family[] = [...object, ...work, ...ledger, ...outside, ...recorder, ...traces];
