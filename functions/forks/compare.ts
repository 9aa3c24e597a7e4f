// Reads the two sides of a comparison from their pasts, row by row, and lets core/forks/compare.ts put them beside each other.
// It runs where the request arrived: neither swarm is kept from its work.

import {
  type Comparison,
  compare,
  comparedOthersMax,
  comparedTasksMax,
  type Side,
  type SideMaker,
  sideMaker,
} from '../../core/forks/compare.ts';
import type { Parent } from '../../core/forks/state.ts';
import type { At, PastPort } from '../../core/history/port.ts';
import { newId, type SwarmId } from '../../core/ids.ts';
import { deadlineMsMax } from '../../core/limits.ts';
import { ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';

export interface CompareDeps {
  /** Asks the past of a swarm. */
  past<T>(id: SwarmId, work: (past: PastPort) => Promise<T>): Promise<T>;
  /** Rows with so much text were looked at: others come in before the next ones [TURN-1]. */
  giveWay?(rows: number, chars: number): Promise<void> | null;
}

export interface SideWanted {
  readonly swarm: SwarmId;
  readonly at: At;
}

/** Rows of one side that are looked at: those that had ended before the two parted are among them. */
const scannedMax = 100_000;
/** A row that is only looked at costs as much as a part of one that is decided. */
const rowsReadInOne = 4;
/** Kinds that are compared; reruns say which task is whose, so they come first. */
const COMPARED = ['rerun', 'account', 'mission', 'task'] as const satisfies readonly Kind[];

export async function compareSwarms(
  here: SideWanted,
  there: SideWanted,
  parent: Pick<Parent, 'at'>,
  page: { readonly limit: number; readonly cursor: string | null },
  deps: CompareDeps,
): Promise<Result<Comparison, Rejection>> {
  const [ours, theirs] = await Promise.all([here, there].map((side) => readSide(side, parent.at, deps)));
  if (!ours?.ok) return ours as Extract<typeof ours, { ok: false }>; // two went in, two came out
  if (!theirs?.ok) return theirs as Extract<typeof theirs, { ok: false }>;
  return ok(compare(ours.value, theirs.value, page));
}

async function readSide(wanted: SideWanted, partedAt: number, deps: CompareDeps): Promise<Result<Side, Rejection>> {
  const maker = sideMaker(partedAt);
  let { at } = wanted;
  for (const kind of COMPARED) {
    const most = kind === 'task' ? scannedMax : kind === 'rerun' ? comparedTasksMax : comparedOthersMax;
    const read = await readKind(kind, firstKey(kind, partedAt), { ...wanted, at }, most, maker, deps);
    if (!read.ok) return read;
    // One moment for all of it, also while the swarm goes on.
    at = { seq: read.value };
  }
  return ok(maker.made());
}

/** Tasks that were open when the two parted are not older than a deadline may be far. */
function firstKey(kind: (typeof COMPARED)[number], partedAt: number): string {
  if (kind !== 'task' && kind !== 'mission') return `${kind}/`;
  const prefix = kind === 'task' ? 'tsk' : 'msn';
  return `${kind}/${newId(prefix, Math.max(0, partedAt - deadlineMsMax), new Uint8Array(10))}`;
}

/** Gives each row of a kind to the maker; answers with the seq of the moment. */
async function readKind(
  kind: (typeof COMPARED)[number],
  from: string,
  { swarm, at }: SideWanted,
  most: number,
  maker: SideMaker,
  deps: CompareDeps,
): Promise<Result<number, Rejection>> {
  let read = 0;
  for (let behind = from; ; ) {
    const page = await deps.past(swarm, (past) => past.rows(swarm, at, behind));
    if (!page.ok) return page;
    const { moment, entries, next } = page.value;
    let chars = 0;
    for (const [, text] of entries) chars += text.length;
    await deps.giveWay?.(entries.length / rowsReadInOne, chars);
    for (const [key, text] of entries) {
      if (!key.startsWith(`${kind}/`)) return ok(moment.seq);
      if (read++ >= most) {
        maker.truncate();
        return ok(moment.seq);
      }
      give(kind, text, maker);
    }
    if (next === null) return ok(moment.seq);
    behind = next;
  }
}

function give(kind: (typeof COMPARED)[number], text: string, maker: SideMaker): void {
  const row: unknown = JSON.parse(text); // our own row, under its kind
  switch (kind) {
    case 'rerun':
      maker.rerun(row as Rows['rerun']);
      break;
    case 'account':
      maker.account(row as Rows['account']);
      break;
    case 'mission':
      maker.mission(row as Rows['mission']);
      break;
    case 'task':
      maker.task(row as Rows['task']);
      break;
  }
}
