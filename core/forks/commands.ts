// What may be asked of a fork. All but `SetEffects` come from the object that fills it and runs its what-if.

import type { Snapshot } from '../archive/state.ts';
import type { KeyId, SwarmId, TaskId, TenantId } from '../ids.ts';
import type { Scope } from '../keys/scopes.ts';
import type { MissionRequest } from '../missions/commands.ts';
import type { Route } from '../routes/state.ts';
import type { TaskRequest } from '../work/commands.ts';
import type { Basis, Parent, StandIn, WhatIf, WhatIfCounts } from './state.ts';

/** Who is there to do it, by the record: nobody else is asked. */
interface StoodIn {
  readonly standIns: readonly StandIn[];
}

/** As it is asked for again: with as much time as it had, counted from now. */
interface Again extends StoodIn {
  readonly withinMs: number;
}
export type Timeless<T> = Omit<T, 'deadline'>;

export type ForkCommand =
  /** The first command of a fork, over the rows that it begins with. */
  | {
      readonly type: 'ForkSwarm';
      readonly tenant: TenantId;
      readonly swarm: SwarmId;
      readonly name: string;
      readonly publicKey: string;
      readonly key: KeyId;
      readonly scopes: readonly Scope[];
      /** Of the parent's own row. */
      readonly supplyMicro: number;
      readonly cycle: number;
      readonly parent: Parent;
      /** The rows that it begins with, as the snapshot before its first event. */
      readonly base: Omit<Snapshot, 'id' | 'state' | 'takenAt'>;
    }
  /** These were under way in the parent: devices are not here, and attempts are theirs. */
  | { readonly type: 'SettleFork'; readonly devices: readonly string[]; readonly tasks: readonly TaskId[] }
  | { readonly type: 'SetEffects'; readonly effects: 'off' | 'on' }
  /** Effects are on again: an executor that waited is given work. */
  | { readonly type: 'WakeExecutor'; readonly executor: string }
  | ({ readonly type: 'BeginWhatIf' } & Omit<WhatIf, 'ended'>)
  /** Routes that the parent got after the fork point, as they stood at the end of the record. */
  | { readonly type: 'AdoptRoutes'; readonly routes: readonly Route[] }
  | ({ readonly type: 'RerunTask'; readonly of: TaskId; readonly request: Timeless<TaskRequest> } & Again)
  | ({ readonly type: 'RerunMission'; readonly of: string; readonly request: Timeless<MissionRequest> } & Again)
  | ({ readonly type: 'PlaceRerun'; readonly task: TaskId } & StoodIn)
  | {
      readonly type: 'NoteRerun';
      readonly of: TaskId;
      readonly task: TaskId | null;
      readonly refused: string | null;
      readonly basis: Basis;
      readonly timeMs: number;
    }
  | { readonly type: 'EndWhatIf'; readonly counts: WhatIfCounts };
