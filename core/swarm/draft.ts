// A decision in the making: it reads rows, says events, and sees at once what those events change. Nothing of it is real
// until the shell has written it; a refused decision is simply dropped.

import { assert } from '../assert.ts';
import type { Moved } from '../clock/evolve.ts';
import type { Moment } from '../envelope.ts';
import { actsOutside } from '../forks/state.ts';
import type { DeviceId, MissionId, TaskId } from '../ids.ts';
import type { Said } from '../journal/event.ts';
import { canonicalStored } from '../json.ts';
import type { Account } from '../ledger/state.ts';
import { planTasksMax, webhooksMax } from '../limits.ts';
import type { Mission } from '../missions/state.ts';
import type { Candidate } from '../routes/rank.ts';
import type { Route } from '../routes/state.ts';
import type { Webhook } from '../webhooks/state.ts';
import { briefOf, type TaskBrief } from '../work/brief.ts';
import type { SwarmEvent } from './events.ts';
import { evolve, touches } from './evolve.ts';
import type { Read } from './read.ts';
import { type Kind, type Rows, SELF, type Swarm } from './state.ts';

/** What one command may say by itself: a mission of `planTasksMax` tasks that ends, and what its executors take next. */
const eventsSaidMax = 5_000;
/** With the deliveries to every webhook that wants to hear of each. */
export const eventsPerCommandMax = eventsSaidMax * (1 + webhooksMax);
assert(planTasksMax * 10 < eventsSaidMax, 'a whole mission fits one decision');

export interface Draft {
  readonly moment: Moment;
  /** What has been said so far, in order. */
  readonly events: readonly SwarmEvent[];
  /** The same, with each body as the text that will stand in the journal. */
  readonly said: readonly Said[];
  /** Rows that differ from what is stored, by kind and id. */
  readonly rows: ReadonlyMap<string, Changed>;
  /** Missions that this decision leaves something of to the next one, which a timer makes at once. */
  readonly leftOff: Set<MissionId>;
  emit(event: SwarmEvent): void;
  row<K extends Kind>(kind: K, id: string): Rows[K] | null;
  swarm(): Swarm;
  candidates(operation: string): readonly Candidate[];
  /** Queued tasks that may be leased now and do not ask for another executor than this one, oldest first, after `after`. */
  queuedTasks(executor: string, after: string, most: number): readonly TaskBrief[];
  /** The tasks of a mission in the order of its plan, as they are now. */
  tasksOf(mission: Mission): readonly TaskBrief[];
  unfundedTasks(most: number): readonly TaskId[];
  operationsOf(executor: string): readonly string[];
  accountsToSweep(): readonly Account[];
  activeWebhooks(): readonly Webhook[];
  deviceByDid(did: string): DeviceId | null;
  openTasks(): number;
  openMissions(): number;
  countDevices(): number;
  countKeys(): number;
  countTriggers(): number;
  /** Stored rows of a kind with something due behind `at`, by id, behind the id `after`. */
  dueRows(kind: Moved, at: number, after: string, most: number): readonly string[];
}

export interface Changed {
  readonly kind: Kind;
  readonly id: string;
  readonly row: Rows[Kind];
}

/** Opens a draft over stored rows. */
export function openDraft(read: Read, moment: Moment): Draft {
  const events: SwarmEvent[] = [];
  const said: Said[] = [];
  const rows = new Map<string, Changed>();
  function row<K extends Kind>(kind: K, id: string): Rows[K] | null {
    const changed = rows.get(`${kind}/${id}`);
    // What stands under a kind is a row of that kind: `emit` is the only writer.
    return changed ? (changed.row as Rows[K]) : read.row(kind, id);
  }
  /** The brief of a task that this decision has changed; null of any other. */
  function changedBrief(id: string): TaskBrief | null {
    const changed = rows.get(`task/${id}`);
    return changed ? briefOf(changed.row as Rows['task']) : null; // of the kind in its key
  }
  /** Stored routes as this decision has changed them, and the ones that it has added. */
  function routesOf(operation: string): readonly Route[] {
    const routes = read.routesOf(operation).map((stored) => row('route', stored.id) ?? stored);
    for (const changed of rows.values()) {
      if (changed.kind !== 'route') continue;
      const route = changed.row as Route; // of the kind that was asked
      if (route.operation === operation && !routes.includes(route)) routes.push(route);
    }
    return routes;
  }
  return {
    moment,
    events,
    said,
    rows,
    row,
    leftOff: new Set(),
    emit(event) {
      assert(events.length < eventsPerCommandMax, 'a command says a bounded number of events');
      for (const [kind, id] of touches(event, moment.commandId)) {
        rows.set(`${kind}/${id}`, { kind, id, row: evolve(kind, id, row(kind, id), event, moment) });
      }
      events.push(event);
      said.push({ type: event.type, subject: event.subject, body: canonicalStored(event.body) });
    },
    swarm() {
      const swarm = row('swarm', SELF);
      assert(swarm !== null, 'the swarm is created first');
      return swarm;
    },
    candidates(operation) {
      const candidates: Candidate[] = [];
      const acts = actsOutside(row('swarm', SELF));
      for (const route of routesOf(operation)) {
        const presence = row('presence', route.executor);
        if (!presence) continue;
        const isReached = acts || route.executor === 'cloud';
        candidates.push({
          route,
          connected: presence.connected,
          free: isReached && presence.connected && presence.busy < presence.parallel,
        });
      }
      return candidates;
    },
    queuedTasks(executor, after, most) {
      const operations = row('presence', executor)?.operations ?? [];
      const stored = operations.length === 0 ? [] : read.queuedTasks(operations, executor, moment.at, after, most);
      return stored.map((brief) => changedBrief(brief.id) ?? brief);
    },
    tasksOf(mission) {
      let stored: ReadonlyMap<string, TaskBrief> | null = null;
      return mission.tasks.flatMap(({ task: id }) => {
        const changed = changedBrief(id);
        if (changed !== null) return [changed];
        // Of a mission that is just being started nothing is stored yet, and nothing asked.
        stored ??= new Map(read.tasksOf(mission.id).map((brief) => [brief.id, brief]));
        return stored.get(id) ?? [];
      });
    },
    unfundedTasks: (most) => read.unfundedTasks(moment.at, most),
    operationsOf: (executor) => row('presence', executor)?.operations ?? [],
    accountsToSweep: () => read.accountsToSweep().map((account) => row('account', account.id) ?? account),
    activeWebhooks: () => read.activeWebhooks(),
    deviceByDid: (did) => read.deviceByDid(did),
    openTasks: () => read.count('openTasks'),
    openMissions: () => read.count('openMissions'),
    countDevices: () => read.count('devices'),
    countKeys: () => read.count('keys'),
    countTriggers: () => read.count('triggers'),
    dueRows: (kind, at, after, most) => read.dueRows(kind, at, after, most),
  };
}
