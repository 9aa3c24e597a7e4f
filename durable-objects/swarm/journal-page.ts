// A page of the journal as the API shows it, from the tables and the archive alike.

import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import type { Json } from '../../core/json.ts';
import { journalPageMax } from '../../core/limits.ts';
import { ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { JournalQuery } from '../../core/swarm/service.ts';
import { eventPage } from '../event-page.ts';
import type { ReadEvents } from './merkle-tree.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface JournalDeps {
  readonly store: Pick<SwarmStore, 'head'>;
  readonly readEvents: ReadEvents;
  /** `tenant/swarm` that the event at `seq` was hashed with. */
  originAt(seq: number): string;
}

/** Events from `from` on, oldest first; fewer than asked where they are large. Refusals: those of whoever reads what is archived. */
export async function answerJournal(query: JournalQuery, deps: JournalDeps): Promise<Result<Json, Rejection>> {
  const head = deps.store.head().seq;
  const from = Math.max(1, query.from);
  const to = Math.min(head, from + Math.min(query.limit, journalPageMax) - 1);
  const read = from > to ? ok([]) : await eventPage(from, to, deps.readEvents);
  if (!read.ok) return read;
  const data = read.value.map((event) => toCloudEvent(deps.originAt(event.seq), event));
  const last = read.value.at(-1)?.seq;
  const page = { data, nextCursor: last !== undefined && last < head ? String(last) : null };
  return ok(page as unknown as Json); // events are data that JSON can say; over RPC they travel as such
}
