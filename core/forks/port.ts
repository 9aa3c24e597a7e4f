// The words between the API and the object of a fork, as plain data over RPC. Every one may be repeated: what was done is not
// done again.

import type { Actor } from '../envelope.ts';
import type { KeyId, SwarmId, TenantId } from '../ids.ts';
import type { Scope } from '../keys/scopes.ts';
import type { Result } from '../result.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { Parent, WhatIf } from './state.ts';

/** A fork that is to be: made once, by whoever asked first. */
export interface NewFork {
  readonly tenant: TenantId;
  readonly swarm: SwarmId;
  readonly name: string;
  /** Its one key, with what the caller's own allows. */
  readonly key: KeyId;
  readonly scopes: readonly Scope[];
  readonly parent: Parent;
  /** Who asked, as an actor's name. */
  readonly by: string;
}

export type ForkProgress = 'filling' | 'ready';

/** A what-if, with the record's end found already. */
export type WhatIfWanted = Omit<WhatIf, 'ended'>;

export interface ForkPort {
  /** Begins to fill an empty object, or goes on with it, for a few seconds; the object goes on by itself after that. */
  forkFrom(fork: NewFork): Promise<Result<ForkProgress, Rejection>>;
  /** @param actor as whom the fork's journal knows the caller; whether they may was asked where they are known */
  runWhatIf(actor: Actor, wanted: WhatIfWanted): Promise<Result<WhatIf, Rejection>>;
  /** Switches outward effects; answers with the state in force. */
  switchEffects(actor: Actor, effects: 'off' | 'on'): Promise<Result<'off' | 'on', Rejection>>;
  /** Empties the object, if it is a fork's. */
  discardFork(): Promise<void>;
}
