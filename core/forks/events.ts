// What can happen to a fork as a fork.

import type { SwarmId, TaskId, TenantId } from '../ids.ts';
import type { Basis, Parent, WhatIf, WhatIfCounts } from './state.ts';

export type ForkEvent =
  /** The first event of a fork's journal: its rows are those of the parent's moment, which it names. */
  | {
      readonly type: 'swarm.forked';
      readonly subject: string;
      readonly body: {
        readonly swarm: SwarmId;
        readonly tenant: TenantId;
        readonly name: string;
        readonly publicKey: string;
        readonly supplyMicro: number;
        readonly cycle: number;
        readonly cycleEndsAt: number;
        readonly parent: Parent;
      };
    }
  | { readonly type: 'effects.changed'; readonly subject: string; readonly body: { readonly effects: 'off' | 'on' } }
  | { readonly type: 'what_if.begun'; readonly subject: string; readonly body: Omit<WhatIf, 'ended'> }
  | { readonly type: 'what_if.ended'; readonly subject: string; readonly body: WhatIfCounts }
  /** A what-if wants the route to be so. */
  | {
      readonly type: 'route.overridden';
      readonly subject: string;
      readonly body: { readonly route: string; readonly priceMicro: number; readonly active: boolean };
    }
  /** A task of the parent was run again: what stood in for its executors, and how long they take. */
  | {
      readonly type: 'task.rerun';
      readonly subject: string;
      readonly body: {
        readonly of: TaskId;
        readonly task: TaskId | null;
        readonly refused: string | null;
        readonly basis: Basis;
        readonly timeMs: number;
      };
    };
