// What a swarm object needs of its surroundings, as wrangler.toml binds it.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { SquadPort } from '../../core/devices/port.ts';
import type { WebhookSenderPort } from '../../core/swarm/service.ts';
import type { LogEnv } from '../object-log.ts';
import type { TraceEnv } from './trace-chore.ts';

/** What a swarm needs of its surroundings. */
export interface SwarmEnv extends LogEnv, TraceEnv {
  readonly SQUAD: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): SquadPort };
  readonly WEBHOOK_SENDER: WebhookSenderPort;
  /** The pasts of swarms: a fork is filled from its parent's. */
  readonly PAST: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): unknown };
  /** Where checkpoints are held outside of this object. */
  readonly ARCHIVE_STORE?: ObjectStore;
}
