// All commands of a swarm: the union of the aggregates', and the swarm's own.

import type { ArchiveCommand } from '../archive/commands.ts';
import type { ClockCommand } from '../clock/commands.ts';
import type { DeviceCommand } from '../devices/commands.ts';
import type { ForkCommand } from '../forks/commands.ts';
import type { KeyId, SwarmId, TenantId } from '../ids.ts';
import type { KeyCommand } from '../keys/commands.ts';
import type { LedgerCommand } from '../ledger/commands.ts';
import type { MissionCommand } from '../missions/commands.ts';
import type { TriggerCommand } from '../triggers/commands.ts';
import type { WebhookCommand } from '../webhooks/commands.ts';
import type { WorkCommand } from '../work/commands.ts';

export type OwnCommand =
  /** The first command: `key` is the first API key, made by whoever signs up. */
  | {
      readonly type: 'CreateSwarm';
      readonly tenant: TenantId;
      readonly swarm: SwarmId;
      readonly name: string;
      readonly publicKey: string;
      readonly key: KeyId;
      readonly supplyMicro: number;
    }
  | { readonly type: 'ParkTimer'; readonly timer: string; readonly command: string; readonly tries: number };

export type SwarmCommand =
  | OwnCommand
  | LedgerCommand
  | WorkCommand
  | MissionCommand
  | DeviceCommand
  | KeyCommand
  | TriggerCommand
  | WebhookCommand
  | ArchiveCommand
  | ClockCommand
  | ForkCommand;
