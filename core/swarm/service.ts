// The words between the API and a swarm object, as plain data over RPC: execute a command, read, wait, follow.

import type { Actor, CommandEnvelope } from '../envelope.ts';
import type { KeyId, SwarmId, TenantId } from '../ids.ts';
import type { ImportPort } from '../imports/port.ts';
import type { Json } from '../json.ts';
import type { MetricsView } from '../metrics/view.ts';
import type { Result } from '../result.ts';
import type { SwarmCommand } from './commands.ts';
import type { Rejection } from './rejections.ts';

/** How a command was answered. The same id and command give the same answer for ever [P6]. */
export interface Answer {
  /** The id of what the command was about. */
  readonly id: string;
  /** That resource as the API shows it, as it was right after the command; null where nothing is shown. */
  readonly view: Json;
}
export interface Executed {
  readonly result: Result<Answer, Rejection>;
  /** True when the answer was given before and nothing happened now. */
  readonly replayed: boolean;
}

/** A command, and whether its id was made by its sender, so that its answer must be kept for ever. */
export interface Execute extends CommandEnvelope<SwarmCommand> {
  readonly remember: boolean;
  /** Its content counts once, whatever its id: what it started is the answer from then on. */
  readonly once?: Once | undefined;
}

/** What content is known by: 16 bytes of a digest, hex, and for how long; null: for ever. */
export interface Once {
  readonly digest: string;
  readonly keepMs: number | null;
}

/** One page of a list: newest first, `cursor` is the last id of the page before. */
export interface Page {
  readonly limit: number;
  readonly cursor: string | null;
}

export type Query =
  | {
      readonly type: 'task' | 'mission' | 'device' | 'key' | 'trigger' | 'webhook' | 'transfer' | 'segment';
      readonly id: string;
    }
  | ({
      readonly type:
        | 'tasks'
        | 'missions'
        | 'devices'
        | 'keys'
        | 'triggers'
        | 'webhooks'
        | 'transfers'
        | 'accounts'
        | 'segments'
        | 'snapshots';
      readonly state?: string | undefined;
    } & Page)
  | ({ readonly type: 'deliveries'; readonly webhook: string } & Page)
  | { readonly type: 'operations' }
  | JournalQuery
  | ProofQuery
  /** How long history is kept, and how far the archive reaches. */
  | { readonly type: 'retention' }
  /** For the platform alone: what a Worker needs to check a delivery's signature. */
  | { readonly type: 'trigger-secret'; readonly id: string }
  | { readonly type: 'status' };

/** Events from `from` on, oldest first, at most `limit`: from the tables or from the archive. */
export interface JournalQuery {
  readonly type: 'journal';
  readonly from: number;
  readonly limit: number;
}

/** What is proved: answered with a signed checkpoint, which may need events from the archive. */
export type ProofQuery =
  /** Of the first `size` events; of all when it is left out. */
  | { readonly type: 'checkpoint'; readonly size?: number | undefined }
  /** What was signed, newest first; `cursor` is the size that the page before ended with. */
  | ({ readonly type: 'checkpoints' } & Page)
  | { readonly type: 'proof'; readonly seq: number; readonly size?: number | undefined }
  | { readonly type: 'consistency'; readonly from: number; readonly to?: number | undefined }
  | { readonly type: 'task-proof'; readonly id: string };

export interface Listed {
  readonly data: readonly Json[];
  readonly nextCursor: string | null;
}

/** A new swarm, with its first API key. The object makes its own signing key. Repeating it changes nothing. */
export interface NewSwarm {
  readonly tenant: TenantId;
  readonly swarm: SwarmId;
  readonly name: string;
  readonly key: KeyId;
  readonly supplyMicro: number;
  /** Who signed up, as an actor's id. */
  readonly user: string;
}

/** What the API may ask of a swarm. */
export interface SwarmService extends ImportPort {
  create(swarm: NewSwarm): Promise<Executed>;
  execute(command: Execute): Promise<Executed>;
  /** Many commands in one transaction, each answered by itself. */
  executeMany(commands: readonly Execute[]): Promise<readonly Executed[]>;
  read(actor: Actor, query: Query): Promise<Result<Json, Rejection>>;
  /** What it says of itself to whoever watches over it. */
  metrics(actor: Actor): Promise<Result<MetricsView, Rejection>>;
  /** The task's view as soon as it has ended, or as it is after `ms`. */
  waitForTask(actor: Actor, id: string, ms: number): Promise<Result<Json, Rejection>>;
  /**
   * Moves events to the archive now, but for the last `keepEvents`; as many as one request does. Answers with the segments that
   * were made, how far the archive reaches, and whether there is more.
   */
  archiveSegments(actor: Actor, keepEvents: number | undefined): Promise<Result<Json, Rejection>>;
  /**
   * Server-sent events of the journal from `from` on, as bytes; ends when the reader goes. `seen` is the last event that a
   * reader who comes back has seen: one that is not there is refused, for what is missing would never be said. At `until` (ms
   * since the epoch) it ends as well: whoever may still read comes back.
   */
  follow(
    actor: Actor,
    from: number,
    seen?: number,
    until?: number | null,
  ): Promise<Result<ReadableStream<Uint8Array>, Rejection>>;
  /** The whole journal up to a checkpoint of now, as bytes; read as fast as the reader reads. */
  exportJournal(actor: Actor, format: ExportFormat): Promise<Result<ReadableStream<Uint8Array>, Rejection>>;
}

/** How an export is written: lines of CloudEvents, or columns. */
export const EXPORT_FORMATS = ['ndjson', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What a swarm may ask of the sender of webhooks. */
export interface WebhookSenderPort {
  send(request: {
    readonly swarm: string;
    readonly webhook: string;
    readonly delivery: string;
    readonly url: string;
    readonly sealedSecrets: readonly string[];
    readonly body: string;
    readonly at: number;
    /** From 1; the receiver sees it. */
    readonly attempt: number;
  }): Promise<{
    outcome: 'delivered' | 'retry' | 'disabled' | 'refused';
    status?: number;
    error?: string;
    retryAfterMs?: number;
  }>;
}
