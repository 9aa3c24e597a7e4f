// A decision in the making: it reads rows, says events, and sees at once what those events change. Nothing of it is real
// until the shell has written it; a refused decision is simply dropped.

import { assert } from '../assert.ts';
import type { Moment } from '../envelope.ts';
import type { DeviceId, TaskId } from '../ids.ts';
import type { Account } from '../ledger/state.ts';
import type { Candidate } from '../routes/rank.ts';
import type { Webhook } from '../webhooks/state.ts';
import type { SwarmEvent } from './events.ts';
import { evolve, touches } from './evolve.ts';
import type { Read } from './read.ts';
import { type Kind, type Rows, SELF, type Swarm } from './state.ts';

/** Events that one command may say: a mission of `planTasksMax` tasks is far below. */
export const eventsPerCommandMax = 5_000;

export interface Draft {
  readonly moment: Moment;
  /** What has been said so far, in order. */
  readonly events: readonly SwarmEvent[];
  /** Rows that differ from what is stored, by kind and id. */
  readonly rows: ReadonlyMap<string, Changed>;
  emit(event: SwarmEvent): void;
  row<K extends Kind>(kind: K, id: string): Rows[K] | null;
  swarm(): Swarm;
  candidates(operation: string): readonly Candidate[];
  queuedTasks(operations: readonly string[], most: number): readonly TaskId[];
  operationsOf(executor: string): readonly string[];
  accountsToSweep(): readonly Account[];
  activeWebhooks(): readonly Webhook[];
  deviceByDid(did: string): DeviceId | null;
  openTasks(): number;
  openMissions(): number;
  countDevices(): number;
  countKeys(): number;
  countTriggers(): number;
}

export interface Changed {
  readonly kind: Kind;
  readonly id: string;
  readonly row: Rows[Kind];
}

/** Opens a draft over stored rows. */
export function openDraft(read: Read, moment: Moment): Draft {
  const events: SwarmEvent[] = [];
  const rows = new Map<string, Changed>();
  function row<K extends Kind>(kind: K, id: string): Rows[K] | null {
    const changed = rows.get(`${kind}/${id}`);
    // What stands under a kind is a row of that kind: `emit` is the only writer.
    return changed ? (changed.row as Rows[K]) : read.row(kind, id);
  }
  return {
    moment,
    events,
    rows,
    row,
    emit(event) {
      assert(events.length < eventsPerCommandMax, 'a command says a bounded number of events');
      for (const [kind, id] of touches(event, moment.commandId)) {
        rows.set(`${kind}/${id}`, { kind, id, row: evolve(kind, id, row(kind, id), event, moment) });
      }
      events.push(event);
    },
    swarm() {
      const swarm = row('swarm', SELF);
      assert(swarm !== null, 'the swarm is created first');
      return swarm;
    },
    candidates(operation) {
      const candidates: Candidate[] = [];
      for (const stored of read.routesOf(operation)) {
        const route = row('route', stored.id);
        const presence = route && row('presence', route.executor);
        if (!route || !presence) continue;
        candidates.push({
          route,
          connected: presence.connected,
          free: presence.connected && presence.busy < presence.parallel,
        });
      }
      return candidates;
    },
    queuedTasks: (operations, most) => (operations.length === 0 ? [] : read.queuedTasks(operations, moment.at, most)),
    operationsOf: (executor) => row('presence', executor)?.operations ?? [],
    accountsToSweep: () => read.accountsToSweep().map((account) => row('account', account.id) ?? account),
    activeWebhooks: () => read.activeWebhooks(),
    deviceByDid: (did) => read.deviceByDid(did),
    openTasks: () => read.count('openTasks'),
    openMissions: () => read.count('openMissions'),
    countDevices: () => read.count('devices'),
    countKeys: () => read.count('keys'),
    countTriggers: () => read.count('triggers'),
  };
}
