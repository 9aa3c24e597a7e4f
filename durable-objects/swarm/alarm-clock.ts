// The object's one alarm: set for whatever is due first, and never later than it was set for.

import type { OutboxDue } from './outbox-drain.ts';

/** A drain that was cut off is taken up by the alarm after so long. */
const drainMsMax = 2_000;
/** Alarms are set on a grid: what is due close together wakes the object once. */
const alarmGridMs = 250;

export interface AlarmClockDeps {
  readonly storage: { setAlarm(at: number): Promise<void>; deleteAlarm(): Promise<void> };
  now(): number;
  /** When the first timer, outbox row and chore are due; null when none is. */
  timer(): number | null;
  outbox(known?: OutboxDue): number | null;
  chore(): number | null;
  /** When work that was cut off may be tried again. */
  suspect(): number | null;
  /** True when nothing is ever due: an imported swarm's rows speak of the original's timers. */
  isSealed(): boolean;
}

export interface AlarmClock {
  /** Sets the alarm for what is due first. What is due in the outbox now is under way: the alarm only makes sure of it. */
  arm(outbox?: OutboxDue): void;
  /** Sets the alarm for this time, unless it rings sooner. */
  armAt(due: number): void;
  /** It rang, or this is when it will, as the storage knows. */
  knows(at: number | null): void;
  /** Sets the alarm to this time, whatever it was; null for none. */
  force(at: number | null): void;
}

export function createAlarmClock(deps: AlarmClockDeps): AlarmClock {
  let alarmAt: number | null = null;

  function armAt(due: number): void {
    if (!Number.isFinite(due) || (alarmAt !== null && alarmAt <= due)) return;
    alarmAt = due;
    // Not awaited: it is written with the rows of this step, and nothing leaves before both are.
    void deps.storage.setAlarm(due);
  }

  return {
    arm(known) {
      if (deps.isSealed()) return;
      const now = deps.now();
      const outbox = deps.outbox(known) ?? Number.POSITIVE_INFINITY;
      const due = Math.min(
        deps.timer() ?? Number.POSITIVE_INFINITY,
        outbox <= now ? now + drainMsMax : outbox,
        Math.max(deps.chore() ?? Number.POSITIVE_INFINITY, now),
        Math.max(deps.suspect() ?? Number.POSITIVE_INFINITY, now),
      );
      armAt(Math.ceil(due / alarmGridMs) * alarmGridMs);
    },
    armAt,
    knows(at) {
      alarmAt = at;
    },
    force(at) {
      alarmAt = at;
      void (at === null ? deps.storage.deleteAlarm() : deps.storage.setAlarm(at));
    },
  };
}
