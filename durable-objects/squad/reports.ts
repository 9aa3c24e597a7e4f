// Reports: what the swarm must be told, kept until it has answered. Tried with back-off a bounded number of times, then
// parked until the swarm is heard of again; a report is never dropped [P18]. What is about to be told is written down first: a
// report that ends the process is found and parked too (tries.ts).

import type { SwarmPort } from '../../core/devices/port.ts';
import type { DeviceId, OrderId } from '../../core/ids.ts';
import { workDeathsMax } from '../../core/limits.ts';
import type { Tries } from '../tries.ts';
import {
  reportRetryMsMax,
  reportRetryMsMin,
  reportRoundsMax,
  reportsPerRound,
  reportTriesMax,
  swarmCallMs,
} from './squad-limits.ts';
import type { Report, SquadStore } from './squad-store.ts';
import { within } from './within.ts';

export interface ReportsDeps {
  readonly store: Pick<
    SquadStore,
    'dueReports' | 'dropReports' | 'retryReport' | 'postponeReports' | 'pendingLefts' | 'parkedReports'
  >;
  readonly tries: Tries;
  readonly swarm: Pick<SwarmPort, 'deviceLeft' | 'ordersUndelivered'>;
  now(): number;
  /** Between nought and one, for jitter. */
  chance(): number;
  wakeBy(at: number): void;
  fault(call: string, cause: unknown): void;
  parked(count: number): void;
}

/** Tells the swarm all that is due, a round at a time; stops when a whole round fails. Arms the alarm for the rest. */
export async function drainReports(deps: ReportsDeps): Promise<void> {
  for (let round = 0; round < reportRoundsMax; round++) {
    const now = deps.now();
    const due = deps.store.dueReports(now, reportsPerRound);
    if (due.length === 0) return;
    const failed = await tellAll(due, deps);
    deps.store.dropReports(due.filter((report) => !failed.has(report.id)).map((report) => report.id));
    if (failed.size === 0) continue;
    const nextAt = retryLater(
      due.filter((report) => failed.has(report.id)),
      now,
      deps,
    );
    if (failed.size === due.length) {
      deps.store.postponeReports(now, nextAt);
      return deps.wakeBy(nextAt);
    }
    deps.wakeBy(nextAt);
  }
  deps.wakeBy(deps.now());
}

/** Tells the swarm of all earlier connections of one device. Throws when the swarm does not answer. */
export async function reportLeftsOf(
  device: DeviceId,
  deps: Pick<ReportsDeps, 'store' | 'swarm' | 'tries'>,
): Promise<void> {
  const { tries } = deps;
  for (const report of deps.store.pendingLefts(device)) {
    // What was cut off has its turn alone, in the drain.
    if (tries.of(workOf(report)) !== null) continue;
    tries.begin(`left/${device}`, [workOf(report)]);
    await tries.durable();
    try {
      await within(deps.swarm.deviceLeft(device, report.subject), swarmCallMs);
      deps.store.dropReports([report.id]);
    } finally {
      tries.end(`left/${device}`);
    }
  }
}

function workOf({ id }: Report): string {
  return `report/${id}`;
}

/** Answers the ids of the reports that did not get through, or have to wait. */
async function tellAll(due: readonly Report[], deps: ReportsDeps): Promise<Set<number>> {
  const { tries } = deps;
  const [troubled, others] = [due.filter((one) => tries.of(workOf(one))), due.filter((one) => !tries.of(workOf(one)))];
  const failed = new Set<number>();
  if (others.length > 0) {
    tries.begin('reports', others.map(workOf));
    await tries.durable();
    for (const id of await tell(others, deps)) failed.add(id);
    tries.end('reports');
  }
  for (const report of troubled) for (const id of await tellAlone(report, deps)) failed.add(id);
  return failed;
}

/** What was cut off is told once more, and nothing beside it; what has ended the process too often is parked. */
async function tellAlone(report: Report, deps: ReportsDeps): Promise<Iterable<number>> {
  const trouble = deps.tries.of(workOf(report));
  if (trouble !== null && trouble.due > deps.now()) return [report.id];
  let failed: Iterable<number> = [];
  await deps.tries.alone(workOf(report), async () => {
    failed = await tell([report], deps);
  });
  return failed;
}

/** Answers the ids of the reports that did not get through. */
async function tell(due: readonly Report[], deps: ReportsDeps): Promise<Set<number>> {
  const undelivered = due.filter((report) => report.kind === 'undelivered');
  const lefts = due.filter((report) => report.kind === 'left');
  const failed = new Set<number>();
  const attempt = async (call: string, reports: readonly Report[], tellSwarm: () => Promise<void>) => {
    try {
      await within(tellSwarm(), swarmCallMs);
    } catch (cause) {
      deps.fault(call, cause);
      for (const report of reports) failed.add(report.id);
    }
  };
  const calls = lefts.map((report) =>
    attempt('deviceLeft', [report], () => deps.swarm.deviceLeft(report.device, report.subject)),
  );
  if (undelivered.length > 0) {
    // The subject of such a report is an order: the store writes it so.
    const orders = undelivered.map((report) => report.subject as OrderId);
    calls.push(attempt('ordersUndelivered', undelivered, () => deps.swarm.ordersUndelivered(orders)));
  }
  await Promise.all(calls);
  return failed;
}

/** Counts a try for each and sets the next, or parks. Answers when the earliest is tried again. */
function retryLater(failed: readonly Report[], now: number, deps: ReportsDeps): number {
  let earliest = now + reportRetryMsMax;
  let parked = false;
  for (const report of failed) {
    const trouble = deps.tries.of(workOf(report));
    if (trouble !== null) {
      // It has not been tried now: it waits for its turn, or is parked.
      const isParked = trouble.deaths >= workDeathsMax;
      parked ||= isParked;
      deps.store.retryReport(report.id, report.tries, isParked ? null : trouble.due);
      if (isParked) deps.tries.told(workOf(report));
      else earliest = Math.min(earliest, trouble.due);
      continue;
    }
    const tries = report.tries + 1;
    const pause = Math.min(reportRetryMsMax, reportRetryMsMin * 2 ** report.tries);
    // Half fixed, half chance: many squads of one swarm do not come back together.
    const nextAt = Math.round(now + pause / 2 + (deps.chance() * pause) / 2);
    parked ||= tries >= reportTriesMax;
    deps.store.retryReport(report.id, tries, tries >= reportTriesMax ? null : nextAt);
    earliest = Math.min(earliest, nextAt);
  }
  if (parked) deps.parked(deps.store.parkedReports());
  return earliest;
}
