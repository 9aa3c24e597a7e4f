// What the object of a fork does beside any swarm's work: it is filled, runs its what-if, switches its effects, and can be
// thrown away. Wiring; the steps stand in fill.ts and what-if.ts, the rules in core/forks/.

import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import type { Actor } from '../../core/envelope.ts';
import type { ForkPort } from '../../core/forks/port.ts';
import { actsOutside } from '../../core/forks/state.ts';
import type { PastPort } from '../../core/history/port.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { TraceExporterPort } from '../../core/traces/port.ts';
import type { Sql } from '../sql-port.ts';
import type { Tries } from '../tries.ts';
import type { Work } from '../turns.ts';
import { createFiller, type Filler } from './fill.ts';
import { newSigningKey } from './signing-key.ts';
import type { SwarmStore } from './swarm-store.ts';
import { runWhatIf } from './what-if.ts';

export interface ForkingDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  readonly store: Pick<SwarmStore, 'read' | 'executeMany'>;
  past(swarm: string): PastPort;
  readonly objects: ObjectStore | null;
  /** Executes as any command, and tells the world. */
  execute(command: Execute): Executed;
  /** Timers and effects are due, of what was decided by the store alone. */
  told(): void;
  /** Bytes that the object's storage holds. */
  databaseSize(): number;
  /** Resolves when everything written so far is durable. */
  durable(): Promise<void>;
  /** Makes the object as it was before anyone had called it. */
  empty(): Promise<void>;
  now(): number;
  readonly work?: Work;
}

export interface Forking extends ForkPort {
  readonly chore: Filler;
}

export function createForking(deps: ForkingDeps): Forking {
  const { sql, store, execute, objects } = deps;
  const work = deps.work === undefined ? {} : { work: deps.work };
  const chore = createFiller({
    sql,
    tries: deps.tries,
    past: deps.past,
    objects: objects ?? NOWHERE,
    execute: (commands) => store.executeMany(commands).executed,
    told: deps.told,
    newKey: newSigningKey,
    databaseSize: deps.databaseSize,
    now: deps.now,
    ...work,
  });
  const forkOf = () => store.read.row('swarm', SELF)?.fork;
  const refusal = (): Rejection | null =>
    chore.isFilling() ? { code: 'swarm_filling' } : forkOf() === undefined ? { code: 'not_a_fork' } : null;
  const tell = (actor: Actor, id: string, command: SwarmCommand): Result<unknown, Rejection> =>
    execute({ id, actor, command, remember: false }).result;

  return {
    chore,
    async forkFrom(fork) {
      const went = await chore.fill(fork);
      await deps.durable();
      return went;
    },
    async runWhatIf(actor, wanted) {
      const refused = refusal();
      if (refused) return err(refused);
      const ran = await runWhatIf(actor, wanted, { read: store.read, past: deps.past, execute, ...work });
      await deps.durable();
      return ran;
    },
    async switchEffects(actor, effects) {
      const refused = refusal();
      if (refused) return err(refused);
      const switched = tell(actor, `effects:${deps.now()}`, { type: 'SetEffects', effects });
      if (!switched.ok) return switched;
      // Nothing old is sent; but work that waits is given to whoever is there.
      if (effects === 'on') for (const executor of connected(sql)) wake(executor);
      await deps.durable();
      return ok(forkOf()?.effects ?? effects);
    },
    async discardFork() {
      const refused = refusal();
      if (refused?.code === 'not_a_fork') return;
      chore.forget();
      await deps.empty();
    },
  };

  function wake(executor: string): void {
    tell({ kind: 'system', id: 'fork' }, `wake:${executor}`, { type: 'WakeExecutor', executor });
  }
}

function connected(sql: Sql): readonly string[] {
  return sql
    .all<{ id: string }>(`SELECT id FROM presence WHERE body ->> '$.connected' = 1 ORDER BY id`)
    .map(({ id }) => id);
}

/** Without object storage a fork has no place for what it begins with. */
const NOWHERE: ObjectStore = {
  put: missing,
  get: missing,
  list: missing,
  delete: missing,
};

async function missing(): Promise<never> {
  throw new Fault('there is no object storage for forks', { retryable: false });
}

/** Takes spans out of a swarm that acts outside; those of another are dropped, and never sent later. */
export function outwardExporter(exporter: TraceExporterPort | null, read: Pick<Read, 'row'>): TraceExporterPort | null {
  if (exporter === null) return null;
  return {
    async send(body) {
      if (actsOutside(read.row('swarm', SELF))) return exporter.send(body);
      // All of them, however many there are.
      return { outcome: 'taken', rejected: Number.MAX_SAFE_INTEGER };
    },
  };
}
