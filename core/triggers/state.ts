// A trigger: where a sender's webhook becomes a task or a mission of this swarm.

import type { TriggerId } from '../ids.ts';
import type { GenericSignature, MissionTemplate, TaskTemplate, TriggerPreset } from '../wire/triggers.ts';

export interface Trigger {
  readonly id: TriggerId;
  readonly name: string;
  readonly preset: TriggerPreset;
  readonly state: 'active' | 'deleted';
  /** The signing secret, sealed with the platform's key: the journal holds no secret that can be read. */
  readonly sealedSecret: string;
  readonly events: readonly string[] | null;
  readonly task: TaskTemplate | null;
  readonly mission: MissionTemplate | null;
  readonly mapping: Readonly<Record<string, string>> | null;
  readonly generic: GenericSignature | null;
  readonly fired: number;
  readonly lastFiredAt: number | null;
  readonly createdAt: number;
}
