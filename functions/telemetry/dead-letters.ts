// The dead letters of the telemetry queue: what could not be read or stored, kept where its tenant can look at it.

import { createHash } from 'node:crypto';
import type { ObjectStore } from '../../core/archive/port.ts';
import { isId, type TenantId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { inLanes, lanesMax } from './lanes.ts';
import { readMessage } from './message.ts';
import { type QueueBatch, type QueueMessage, retryLater } from './queue.ts';

/** Letters of one page, at most and when nothing is said. */
export const deadLettersPerPageMax = 100;
export const deadLettersPerPage = 20;
/** Letters are kept for so long; as on AWS, where the bucket itself ends them. */
export const deadLetterDays = 90;
/** Letters of one tenant and day: a device that sends nothing else than what cannot be read fills no bucket. One page of a listing. */
export const deadLettersPerDayMax = 1_000;
/** Where a letter lies whose tenant cannot be read. No tenant's id, so no tenant sees it. */
const UNKNOWN_TENANT = 'unknown';

/** One letter as it is stored. */
export interface DeadLetter {
  /** `YYYY-MM-DD_<message id>`: sorts by day. */
  readonly id: string;
  readonly messageId: string;
  readonly tenant: string;
  readonly swarm: string | null;
  readonly device: string | null;
  /** RFC 3339: when the squad sent it to the queue. */
  readonly sentAt: string;
  /** RFC 3339: when it was given up. */
  readonly deadAt: string;
  /** Why it could not be read; `null` when it could, and only storing it failed. */
  readonly reason: string | null;
  /** The message as it was in the queue; bytes as `{ base64 }`. */
  readonly body: unknown;
}

/** One letter in a list: everything but its body. */
export type DeadLetterEntry = Pick<DeadLetter, 'id' | 'swarm' | 'device' | 'reason'>;

export interface BuryDeps {
  readonly store: Pick<ObjectStore, 'put'>;
  /** Counts a tenant's letters; without it (on Lambda, whose role may only write) nothing is let go. */
  readonly list?: ObjectStore['list'];
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * Stores each letter as `dead-letters/tenant=…/date=YYYY-MM-DD/<message id>.json` and acknowledges it; one whose write
 * failed is retried after a pause. The same letter delivered again writes the same object. What is more than a tenant's
 * `deadLettersPerDayMax` is acknowledged and let go. Never throws.
 * @returns letters stored, letters to come again, letters let go, and why the first write failed
 */
export async function consumeDeadLetters(
  batch: QueueBatch,
  deps: BuryDeps,
): Promise<{ stored: number; failed: number; dropped: number; fault?: unknown }> {
  let stored = 0;
  let failed = 0;
  let dropped = 0;
  /** Room that is left in the folders of this batch. */
  const room = new Map<string, number>();
  let fault: { fault?: unknown } = {};
  for (const message of batch.messages) {
    const letter = letterOf(message, deps.now());
    const folder = dayOf(keyOf(letter.tenant, letter.id));
    try {
      const left = room.get(folder) ?? deadLettersPerDayMax - (await countIn(folder, deps));
      room.set(folder, left - 1);
      if (left <= 0) {
        message.ack();
        dropped += 1;
        continue;
      }
      const bytes = new TextEncoder().encode(JSON.stringify(letter));
      await deps.store.put(keyOf(letter.tenant, letter.id), bytes, { contentType: 'application/json' });
    } catch (cause) {
      failed += 1;
      if (!('fault' in fault)) fault = { fault: cause };
      retryLater(message);
      continue;
    }
    message.ack();
    stored += 1;
  }
  return { stored, failed, dropped, ...fault };
}

async function countIn(folder: string, { list }: BuryDeps): Promise<number> {
  return list === undefined ? 0 : (await list(folder, null, deadLettersPerDayMax)).objects.length;
}

function letterOf(message: QueueMessage, now: number): DeadLetter {
  const read = readMessage(message.body);
  const envelope = read.ok ? read.value.envelope : read.error.envelope;
  // The queue's ids are hexadecimal; whatever they become, nothing but these letters reaches a path.
  const messageId = /^[A-Za-z0-9_-]{1,128}$/.test(message.id)
    ? message.id
    : createHash('sha256').update(message.id).digest('hex');
  const sentAt = message.timestamp.toISOString();
  return {
    id: `${sentAt.slice(0, 10)}_${messageId}`,
    messageId,
    tenant: envelope?.tenant ?? tenantOf(message.body),
    swarm: envelope?.swarm ?? null,
    device: envelope?.device ?? null,
    sentAt,
    deadAt: new Date(now).toISOString(),
    reason: read.ok ? null : read.error.detail,
    body: sayable(message.body),
  };
}

/** A broken envelope may still name its tenant. */
function tenantOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('tenant' in body)) return UNKNOWN_TENANT;
  return typeof body.tenant === 'string' && isId('tnt', body.tenant) ? body.tenant : UNKNOWN_TENANT;
}

/** A queue carries more than JSON can say: bytes are kept, what has no form at all is named. */
function sayable(body: unknown): unknown {
  if (body instanceof ArrayBuffer) return { base64: Buffer.from(body).toString('base64') };
  if (ArrayBuffer.isView(body)) {
    return { base64: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64') };
  }
  try {
    return JSON.stringify(body) === undefined ? { unsayable: typeof body } : body;
  } catch {
    // A cycle or a BigInt: kept as a letter, without what JSON has no word for.
    return { unsayable: typeof body };
  }
}

function keyOf(tenant: string, id: string): string {
  return `${folderOf(tenant)}date=${id.slice(0, 10)}/${id.slice(11)}.json`;
}

function folderOf(tenant: string): string {
  return `dead-letters/tenant=${tenant}/`;
}

/** The folder of a key, with its slash. */
function dayOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** A tenant's letters, oldest day first. `cursor` is the id of the last one seen. */
export async function listDeadLetters(
  store: Pick<ObjectStore, 'list' | 'get'>,
  tenant: TenantId,
  page: { readonly limit?: number; readonly cursor?: string | null } = {},
): Promise<Result<{ data: DeadLetterEntry[]; nextCursor: string | null }, { code: 'cursor_invalid' }>> {
  const cursor = page.cursor ?? null;
  if (cursor !== null && !isLetterId(cursor)) return err({ code: 'cursor_invalid' });
  const limit = Math.min(Math.max(page.limit ?? deadLettersPerPage, 1), deadLettersPerPageMax);
  const listed = await store.list(folderOf(tenant), cursor === null ? null : keyOf(tenant, cursor), limit);
  const ids = listed.objects.map(({ key }) => idOfKey(key));
  // A few at a time: letters are rare, but one may have the size of a whole message.
  const entries = await inLanes(ids, lanesMax, async (id) => {
    const letter = await readDeadLetter(store, tenant, id);
    return letter.ok ? [entryOf(letter.value)] : [];
  });
  return ok({ data: entries.flat(), nextCursor: listed.cursor === null ? null : (ids.at(-1) ?? null) });
}

/** One of a tenant's letters. An id that is not well formed is as little found as one of another tenant. */
export async function readDeadLetter(
  store: Pick<ObjectStore, 'get'>,
  tenant: TenantId,
  id: string,
): Promise<Result<DeadLetter, { code: 'dead_letter_not_found' }>> {
  const bytes = isLetterId(id) ? await store.get(keyOf(tenant, id)) : null;
  if (bytes === null) return err({ code: 'dead_letter_not_found' });
  // Written by `consumeDeadLetters` and by nothing else.
  return ok(JSON.parse(new TextDecoder().decode(bytes)) as DeadLetter);
}

function entryOf({ id, swarm, device, reason }: DeadLetter): DeadLetterEntry {
  return { id, swarm, device, reason };
}

function isLetterId(id: string): boolean {
  return /^\d{4}-\d{2}-\d{2}_[A-Za-z0-9_-]{1,128}$/.test(id);
}

function idOfKey(key: string): string {
  const [day = '', name = ''] = key.split('/').slice(-2);
  return `${day.slice('date='.length)}_${name.slice(0, -'.json'.length)}`;
}
