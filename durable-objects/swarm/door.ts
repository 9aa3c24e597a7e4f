// The one way in for every change: what may not come in now is refused before anything is looked at, the rest is one
// transaction, and then the world is told.

import { Fault } from '../../core/assert.ts';
import { storageBytesFull, storageBytesRefuse, storageBytesWarn } from '../../core/limits.ts';
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

  /** Why nothing may come in at all. */
  function shut(): Rejection | null {
    if (deps.isFilling()) return { code: 'swarm_filling' };
    const openFor = breaker.openFor();
    return openFor > 0 ? { code: 'breaker_open', retryAfterMs: openFor } : null;
  }

  /** What has no room: the kinds of growth that are refused at this size. */
  function withoutRoom(): ReadonlySet<Growth> {
    const bytes = deps.databaseSize();
    if (bytes > storageBytesWarn) warn(bytes);
    return bytes > storageBytesFull ? NO_GROWTH : bytes > storageBytesRefuse ? NO_NEW_WORK : ALL_GROWTH;
  }

  function execute(commands: readonly Execute[], within?: (executed: readonly Executed[]) => void) {
    const why = shut();
    if (why) return commands.map(() => refused(why));
    const refusedGrowth = withoutRoom();
    const mayCome = ({ command }: Execute): boolean => !refusedGrowth.has(GROWTH[command.type]);
    const allowed = refusedGrowth.size === 0 ? commands : commands.filter(mayCome);
    const committed = allowed.length === 0 ? null : store.executeMany(allowed, within);
    if (committed !== null) {
      breaker.wrote(committed.written);
      deps.committed(committed);
      tellOfClock(committed);
    }
    if (committed !== null && allowed === commands) return committed.executed;
    // Calls that share a transaction are refused each by itself: one that ends something goes in all the same.
    const answers = [...(committed?.executed ?? [])];
    return commands.map((command) =>
      mayCome(command) ? only(answers.splice(0, 1)) : refused({ code: 'storage_full' }),
    );
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

/**
 * What a command does to the size of the swarm. `work` brings new work: refused first. `more` grows it besides, or says of work
 * under way what came of it: refused when hardly any room is left. `end` ends something, makes room, or is what the swarm owes
 * itself: never refused for its size.
 */
type Growth = 'work' | 'more' | 'end';

const ALL_GROWTH: ReadonlySet<Growth> = new Set();
const NO_NEW_WORK: ReadonlySet<Growth> = new Set(['work']);
const NO_GROWTH: ReadonlySet<Growth> = new Set(['work', 'more']);

/** Every command stands here: a new one is not let in until somebody has said what it does. */
const GROWTH: Readonly<Record<SwarmCommand['type'], Growth>> = {
  RequestTask: 'work',
  StartMission: 'work',
  FireTrigger: 'work',
  PostTransfer: 'work',
  HoldTransfer: 'work',
  OpenEnrollment: 'work',
  EnrollDevice: 'work',
  IssueKey: 'work',
  CreateTrigger: 'work',
  CreateWebhook: 'work',
  ReplayDelivery: 'work',
  ForkSwarm: 'work',
  BeginWhatIf: 'work',
  TakeFact: 'more',
  AdmitDevice: 'more',
  ChangeDevice: 'more',
  RotateKey: 'more',
  RotateTrigger: 'more',
  RotateWebhook: 'more',
  EnableWebhook: 'more',
  SetRetention: 'more',
  SetEffects: 'more',
  CreateSwarm: 'end',
  ParkTimer: 'end',
  ReportAttempt: 'end',
  CancelTask: 'end',
  CancelMission: 'end',
  WalkMission: 'end',
  ReportUndelivered: 'end',
  ExpireLease: 'end',
  ExpireTask: 'end',
  RetryTask: 'end',
  SettleTransfer: 'end',
  VoidTransfer: 'end',
  ExpireTransfer: 'end',
  CloseCycle: 'end',
  DeviceLeft: 'end',
  RevokeDevice: 'end',
  RevokeKey: 'end',
  DeleteTrigger: 'end',
  DeleteWebhook: 'end',
  RecordDelivery: 'end',
  RetryDelivery: 'end',
  RecordSnapshot: 'end',
  RecordSegment: 'end',
  ExpireHistory: 'end',
  RecordDeleted: 'end',
  SettleFork: 'end',
  WakeExecutor: 'end',
  NoteClock: 'end',
  MoveTimes: 'end',
  // What a what-if does: bounded by its size, and it begins only where there is room.
  AdoptRoutes: 'end',
  RerunTask: 'end',
  RerunMission: 'end',
  PlaceRerun: 'end',
  NoteRerun: 'end',
  EndWhatIf: 'end',
};

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
