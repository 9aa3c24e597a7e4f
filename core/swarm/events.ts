// All events of a swarm: the union of the aggregates', and the swarm's own.

import type { ArchiveEvent } from '../archive/events.ts';
import type { ClockEvent } from '../clock/events.ts';
import type { DeviceEvent } from '../devices/events.ts';
import type { ForkEvent } from '../forks/events.ts';
import type { SwarmId, TenantId } from '../ids.ts';
import type { KeyEvent } from '../keys/events.ts';
import type { LedgerEvent } from '../ledger/events.ts';
import type { MissionEvent } from '../missions/events.ts';
import type { RouteEvent } from '../routes/events.ts';
import type { TriggerEvent } from '../triggers/events.ts';
import type { WebhookEvent } from '../webhooks/events.ts';
import type { WorkEvent } from '../work/events.ts';

export type OwnEvent =
  | {
      readonly type: 'swarm.created';
      readonly subject: string;
      readonly body: {
        readonly swarm: SwarmId;
        readonly tenant: TenantId;
        readonly name: string;
        readonly publicKey: string;
        readonly supplyMicro: number;
        readonly cycleEndsAt: number;
      };
    }
  | {
      readonly type: 'cycle.closed';
      readonly subject: string;
      readonly body: { readonly cycle: number; readonly next: number; readonly supplyMicro: number };
    }
  /** Part of what executors had went back to the treasury; the cycle is closed when all of it has. */
  | {
      readonly type: 'cycle.swept';
      readonly subject: string;
      readonly body: { readonly cycle: number; readonly accounts: number };
    }
  /** An executor that is no device: the swarm itself. */
  | {
      readonly type: 'executor.opened';
      readonly subject: string;
      readonly body: { readonly executor: 'cloud'; readonly parallel: number; readonly operations: readonly string[] };
    }
  /** A timer that failed too often stands still until somebody looks [P18]. */
  | {
      readonly type: 'timer.parked';
      readonly subject: string;
      readonly body: { readonly timer: string; readonly command: string; readonly tries: number };
    };

export type SwarmEvent =
  | OwnEvent
  | LedgerEvent
  | WorkEvent
  | MissionEvent
  | DeviceEvent
  | RouteEvent
  | KeyEvent
  | TriggerEvent
  | WebhookEvent
  | ArchiveEvent
  | ClockEvent
  | ForkEvent;
export type EventType = SwarmEvent['type'];
