// "Connected but never syncs": says so, once a minute, when a connected device's oldest fact is not committed for long.

import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Outbox } from './outbox/outbox.ts';
import { staleFactMs } from './status.ts';

const lookEveryMs = 60_000;

export interface WatchdogDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: Outbox;
  isConnected(): boolean;
}

/** Looks for as long as the clock's timers live. */
export function startWatchdog(deps: WatchdogDeps): void {
  const { clock, log, outbox } = deps;
  clock.after(lookEveryMs, () => {
    const { facts, oldestAt } = outbox.pending();
    const ageMs = oldestAt === null ? 0 : clock.now() - oldestAt;
    if (deps.isConnected() && ageMs > staleFactMs)
      log('warn', 'facts wait for the swarm though it is connected', { facts, ageMs });
    startWatchdog(deps);
  });
}
