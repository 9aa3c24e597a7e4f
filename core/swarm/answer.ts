// What a swarm answers about its rows: one, or a page of them, as the API shows them. The same lines answer for the present,
// over tables, and for any past moment, over the chunks of a snapshot and the events behind it.

import { segmentView, snapshotView } from '../archive/view.ts';
import type { Moment } from '../envelope.ts';
import type { Json } from '../json.ts';
import { answerCharsMax, listLimitMax } from '../limits.ts';
import { missionView } from '../missions/view.ts';
import { err, ok, type Result } from '../result.ts';
import { drawJson, roomFor } from '../room.ts';
import { taskView } from '../work/view.ts';
import { openDraft } from './draft.ts';
import type { Read } from './read.ts';
import type { Rejection, RejectionCode } from './rejections.ts';
import type { Listed, Query } from './service.ts';
import type { Kind, Rows } from './state.ts';
import {
  accountView,
  deliveryView,
  deviceView,
  keyView,
  operationView,
  transferView,
  triggerView,
  webhookView,
} from './views.ts';

/** Kinds of rows that are shown by id. */
type Single = 'task' | 'mission' | 'device' | 'key' | 'trigger' | 'webhook' | 'transfer' | 'segment';
/** Kinds of rows that are shown. */
export type Shown = Single | 'account' | 'delivery' | 'snapshot';

const LISTS = {
  tasks: 'task',
  missions: 'mission',
  devices: 'device',
  keys: 'key',
  triggers: 'trigger',
  webhooks: 'webhook',
  transfers: 'transfer',
  accounts: 'account',
  deliveries: 'delivery',
  segments: 'segment',
  snapshots: 'snapshot',
} as const satisfies Record<string, Shown>;

const SHOWN: ReadonlySet<Kind> = new Set(Object.values(LISTS));

/** Whether rows of this kind are shown. */
export function isShown(kind: Kind): kind is Shown {
  return SHOWN.has(kind);
}

/** Questions that rows answer. */
export type RowQuery = Extract<Query, { type: Single | keyof typeof LISTS | 'operations' }>;

/** What a page is of: rows of a kind, those with this member where it is asked, and never what was deleted. */
export interface Wanted {
  readonly kind: Shown;
  readonly where: { readonly member: 'state' | 'webhook'; readonly is: string } | null;
  /** Ids below this one: the last of the page before; null at the beginning. */
  readonly cursor: string | null;
  readonly limit: number;
}

/** Rows as answers need them. */
export interface RowSource {
  readonly read: Read;
  /** Newest first; `nextCursor` is the last id looked at when there may be more. */
  page(wanted: Wanted): { readonly rows: readonly Rows[Kind][]; readonly nextCursor: string | null };
  /** Names of operations that have an active route, sorted, at most `operationsShownMax`. */
  operations(): readonly string[];
}

export const operationsShownMax = 1_000;
/** Rows that one page looks at: then it ends early, and its cursor says where to go on. */
export const rowsPerPageMax = 5_000;

export function isRowQuery(query: Query): query is RowQuery {
  return query.type in NOT_FOUND || query.type in LISTS || query.type === 'operations';
}

export function answerRows(query: RowQuery, source: RowSource, moment: Moment): Result<Json, Rejection> {
  switch (query.type) {
    case 'task':
    case 'mission':
    case 'device':
    case 'key':
    case 'trigger':
    case 'webhook':
    case 'transfer':
    case 'segment':
      return showOne(query.type, query.id, source.read);
    case 'operations':
      return ok(operations(source, moment));
    case 'deliveries':
      return ok(list(query, { member: 'webhook', is: query.webhook }, source));
    default:
      return ok(list(query, query.state === undefined ? null : { member: 'state', is: query.state }, source));
  }
}

const NOT_FOUND: Readonly<Record<Single, RejectionCode>> = {
  task: 'task_not_found',
  mission: 'mission_not_found',
  device: 'device_not_found',
  key: 'key_not_found',
  trigger: 'trigger_not_found',
  webhook: 'webhook_not_found',
  transfer: 'transfer_not_found',
  segment: 'segment_not_found',
};

function showOne(kind: Single, id: string, read: Read): Result<Json, Rejection> {
  const row = read.row(kind, id);
  const gone = row !== null && (kind === 'trigger' || kind === 'webhook') && 'state' in row && row.state === 'deleted';
  if (row === null || gone) return err({ code: NOT_FOUND[kind] });
  return ok(show(kind, row, read));
}

/** A row as it is shown; the casts say again which kind it is of. */
export function show(kind: Shown, row: Rows[Kind], read: Pick<Read, 'row' | 'tasksOf'>): Json {
  switch (kind) {
    case 'task':
      return plain(taskView(row as Rows['task']));
    case 'mission':
      return plain(missionView(row as Rows['mission'], read.tasksOf((row as Rows['mission']).id)));
    case 'device':
      return plain(deviceView(row as Rows['device'], read.row('presence', (row as Rows['device']).id)));
    case 'key':
      return plain(keyView(row as Rows['key']));
    case 'trigger':
      return plain(triggerView(row as Rows['trigger']));
    case 'webhook':
      return plain(webhookView(row as Rows['webhook']));
    case 'transfer':
      return plain(transferView(row as Rows['transfer']));
    case 'account':
      return plain(accountView(row as Rows['account']));
    case 'delivery':
      return plain(deliveryView(row as Rows['delivery']));
    case 'segment':
      return plain(segmentView(row as Rows['segment']));
    case 'snapshot':
      return plain(snapshotView(row as Rows['snapshot']));
  }
}

function list(
  query: Extract<RowQuery, { type: keyof typeof LISTS }>,
  where: Wanted['where'],
  { page, read }: RowSource,
): Json {
  const kind = LISTS[query.type];
  const limit = Math.min(query.limit, listLimitMax);
  const { rows, nextCursor } = page({ kind, where, cursor: query.cursor, limit });
  const data = viewsWithin(rows, (row) => show(kind, row, read));
  // What is listed has an id, and a page that ends early goes on behind its last one.
  const last = rows[data.length - 1] as { readonly id: string } | undefined;
  return plain({ data, nextCursor: data.length < rows.length ? (last?.id ?? null) : nextCursor } satisfies Listed);
}

/** The views of these, made until they are more than one answer carries; of one at least [P15]. */
export function viewsWithin<T, V extends Json>(items: readonly T[], viewOf: (item: T) => V): readonly V[] {
  const views: V[] = [];
  const room = roomFor(answerCharsMax);
  for (const item of items) {
    const view = viewOf(item);
    const fits = drawJson(room, view, Number.POSITIVE_INFINITY);
    if (fits || views.length === 0) views.push(view);
    if (!fits) break;
  }
  return views;
}

function operations(source: RowSource, moment: Moment): Json {
  const draft = openDraft(source.read, moment);
  return plain({
    data: source.operations().map((name) => operationView(name, draft.candidates(name))),
    nextCursor: null,
  });
}

/** Views are data that JSON can say; over RPC they travel as such. */
function plain(value: object): Json {
  return value as unknown as Json;
}
