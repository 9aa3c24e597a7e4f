// The one way in for every change: what may not come in now is refused before anything is looked at, the rest is one
// transaction, and then the world is told.

import { Fault } from '../../core/assert.ts';
import { storageBytesRefuse, storageBytesWarn } from '../../core/limits.ts';
import type { Log } from '../../core/log-line.ts';
import { err } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import type { Breaker } from '../breaker.ts';
import type { Committed, SwarmStore } from './swarm-store.ts';

export interface DoorDeps {
  readonly store: SwarmStore;
  readonly breaker: Breaker;
  readonly log: Log;
  /** True while a fork's rows are still coming. */
  isFilling(): boolean;
  /** Bytes that the object's storage holds. */
  databaseSize(): number;
  /** What was committed is not durable yet: nobody outside may see it before it is. */
  committed(committed: Committed): void;
}

export interface Door {
  /** `within` runs at the end of the transaction, as part of it. */
  execute(commands: readonly Execute[], within?: (executed: readonly Executed[]) => void): readonly Executed[];
  executeOne(command: Execute): Executed;
  /** Executes what the swarm owes itself. @throws Fault when it may not write just now: whoever asked must ask again */
  must(command: Execute): void;
  /** The same, of the swarm's own. */
  system(id: string, command: SwarmCommand): void;
  /** Whether nothing may be written just now: then nothing is sent either, because what comes of it could not be kept. */
  isShut(): boolean;
}

export function openDoor(deps: DoorDeps): Door {
  const { store, breaker, log } = deps;
  /** Once in the life of this instance: half of the room is used. */
  let warned = false;

  function warn(bytes: number): void {
    if (warned) return;
    warned = true;
    log('warn', 'storage_half_full', { origin: store.origin(), bytes });
  }

  /** A clock that was far from the last event is the first thing that its transaction says. */
  function tellOfClock({ events: [first] }: Committed): void {
    if (first?.type !== 'clock.stepped' && first?.type !== 'clock.corrected') return;
    const { from, to } = JSON.parse(first.body) as { from: number; to: number }; // as the core says it
    log('warn', first.type === 'clock.stepped' ? 'clock_stepped' : 'clock_corrected', {
      origin: store.origin(),
      from,
      to,
    });
  }

  function refusal(commands: readonly Execute[]): Rejection | null {
    if (deps.isFilling()) return { code: 'swarm_filling' };
    const openFor = breaker.openFor();
    if (openFor > 0) return { code: 'breaker_open', retryAfterMs: openFor };
    const bytes = deps.databaseSize();
    if (bytes > storageBytesWarn) warn(bytes);
    const isFull = bytes > storageBytesRefuse && commands.some(({ command }) => GROWS.has(command.type));
    return isFull ? { code: 'storage_full' } : null;
  }

  function execute(commands: readonly Execute[], within?: (executed: readonly Executed[]) => void) {
    const why = refusal(commands);
    if (why) return commands.map(() => refused(why));
    const committed = store.executeMany(commands, within);
    breaker.wrote(committed.written);
    deps.committed(committed);
    tellOfClock(committed);
    return committed.executed;
  }

  function must(command: Execute): void {
    const { result } = only(execute([command]));
    if (!result.ok && LATER.has(result.error.code))
      throw new Fault(`not now: ${result.error.code}`, { retryable: true });
  }

  return {
    execute,
    executeOne: (command) => only(execute([command])),
    must,
    system: (id, command) => must({ id, actor: { kind: 'system', id: 'swarm' }, command, remember: false }),
    isShut: () => store.halted() !== null || breaker.openFor() > 0,
  };
}

/** Commands that bring new work: the ones refused when the object is nearly full. */
const GROWS: ReadonlySet<string> = new Set([
  'RequestTask',
  'StartMission',
  'FireTrigger',
  'PostTransfer',
  'HoldTransfer',
  'OpenEnrollment',
]);

/** Refusals that pass: the same command may be allowed a little later. */
const LATER: ReadonlySet<string> = new Set(['swarm_filling', 'swarm_halted', 'breaker_open', 'storage_full']);

/** The answer to the one command that was sent. */
export function only(executed: readonly Executed[]): Executed {
  const [one] = executed;
  if (!one) throw new Fault('a command was not answered', { retryable: true });
  return one;
}

export function refused(error: Rejection): Executed {
  return { result: err(error), replayed: false };
}
