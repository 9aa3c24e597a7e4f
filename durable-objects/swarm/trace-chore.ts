// The chore that exports traces: it follows the journal at its own pace, makes spans of what has ended, and hands them to the
// Worker, which alone knows where they go. How far it has come is stored after each request [TRACE-3]; a collector that does not
// answer costs the swarm a few rows and a timer, and never keeps anything else waiting [TRACE-5].

import {
  traceBatchBytesMax,
  traceBatchesPerRun,
  traceBatchSpansMax,
  traceDelayMs,
  traceEventsPerBatch,
  traceRetryMsMax,
  traceRetryMsMin,
  traceTriesMax,
} from '../../core/limits.ts';
import { exportRequest, requestBytesOverhead, spanText } from '../../core/traces/otlp.ts';
import type { ExportOutcome, TraceExporterPort } from '../../core/traces/port.ts';
import { pausedUntil } from '../pause.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Chore } from './recorder.ts';
import { endedStretch, firstHotSeq } from './trace-rows.ts';

/** What a swarm's surroundings say of traces. */
export interface TraceEnv {
  /** Set when traces are exported; where to is the exporter's to know. */
  readonly STARLING_OTLP_ENDPOINT?: string;
  readonly TRACE_EXPORTER?: TraceExporterPort;
}

/** Who takes the spans; null when nobody does. */
export function exporterOf({ STARLING_OTLP_ENDPOINT, TRACE_EXPORTER }: TraceEnv): TraceExporterPort | null {
  return STARLING_OTLP_ENDPOINT ? (TRACE_EXPORTER ?? null) : null;
}

export interface TraceChoreDeps {
  readonly sql: Sql;
  /** Null when traces are not exported. */
  readonly exporter: TraceExporterPort | null;
  /** `tenant/swarm` once the swarm is created. */
  origin(): string | null;
  headSeq(): number;
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Told when spans are given up. */
  log(level: 'warn' | 'error', event: string, fields: Readonly<Record<string, unknown>>): void;
}

/** How far the export has come, and what became of it. */
export interface TraceProgress {
  /** The last event whose spans are done with. */
  readonly seq: number;
  /** When it began: the past of a fork or an import is not exported. */
  readonly since: number;
  /** Of the request under way: how often it was not taken, and when it may be tried again. */
  readonly tries: number;
  readonly notBefore: number;
  /** Spans since the export was turned on: taken, rejected by the collector, given up. */
  readonly taken: number;
  readonly rejected: number;
  readonly lost: number;
  /** Events that went to the archive before they were looked at. */
  readonly skipped: number;
}

export interface TraceChore extends Chore {
  /** Null when traces are not exported. */
  progress(): TraceProgress | null;
}

/** A collector that is slow must not keep the recorder's other chores waiting. */
const runMsMax = 5_000;

const NONE: Omit<TraceProgress, 'seq' | 'since'> = {
  tries: 0,
  notBefore: 0,
  taken: 0,
  rejected: 0,
  lost: 0,
  skipped: 0,
};

export function traceChore(deps: TraceChoreDeps): TraceChore {
  const { exporter } = deps;
  if (exporter === null) {
    // What happens while it is off is not exported later: it begins anew when it is turned on.
    if (load(deps.sql) !== null) deps.sql.run(`DELETE FROM meta WHERE key = 'traced'`);
    return { name: 'traces', dueAt: () => null, run: async () => {}, progress: () => null };
  }
  let progress = load(deps.sql) ?? begin(deps);
  /** When it was first seen that there is something new. */
  let since: number | null = null;

  function keep(next: TraceProgress): void {
    progress = next;
    save(deps.sql, next);
  }

  /** Sends one request. True when there may be more to send at once. */
  async function sendOne(sender: TraceExporterPort): Promise<boolean> {
    const origin = deps.origin();
    if (origin === null || progress.seq >= deps.headSeq()) return false;
    const hot = firstHotSeq(deps.sql) - 1;
    if (hot > progress.seq) keep({ ...progress, seq: hot, skipped: progress.skipped + hot - progress.seq });
    const batch = nextBatch(deps.sql, origin, progress, deps.headSeq());
    if (batch.spans === 0) {
      keep({ ...progress, seq: batch.to });
      return true;
    }
    const outcome = await sendTo(sender, batch.body);
    keep(after(progress, batch, outcome, deps));
    return progress.tries === 0;
  }

  const notBefore = (): number => pausedUntil(progress.notBefore, deps.now(), traceRetryMsMax);

  return {
    name: 'traces',
    progress: () => progress,
    dueAt() {
      if (deps.headSeq() <= progress.seq) {
        since = null;
        return null;
      }
      since ??= deps.now();
      since = Math.min(since, deps.now());
      return Math.max(since + traceDelayMs, notBefore());
    },
    async run() {
      if (notBefore() > deps.now()) return;
      const end = deps.now() + runMsMax;
      since = null;
      for (let sent = 0; sent < traceBatchesPerRun && deps.now() < end; sent++) if (!(await sendOne(exporter))) return;
      // There may be more: that goes on as soon as the others have had their turn.
      since = deps.now() - traceDelayMs;
    },
  };
}

interface Batch {
  readonly body: string;
  readonly spans: number;
  readonly to: number;
}

/** Spans of the next events: as many as one request may have, and the last event that is in it whole. */
function nextBatch(sql: Sql, origin: string, { seq, since }: TraceProgress, head: number): Batch {
  const stretch = endedStretch(sql, origin, { from: seq + 1, to: Math.min(head, seq + traceEventsPerBatch), since });
  const texts: string[] = [];
  let bytes = requestBytesOverhead;
  let { to } = stretch;
  for (const event of stretch.events) {
    const more = event.spans.map(spanText);
    const size = more.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
    const isFull = texts.length + more.length > traceBatchSpansMax || bytes + size > traceBatchBytesMax;
    if (isFull) {
      to = event.seq - 1;
      break;
    }
    texts.push(...more);
    bytes += size;
  }
  const [tenant = '', swarm = ''] = origin.split('/');
  return { body: exportRequest({ tenant, swarm }, texts), spans: texts.length, to };
}

/** A Worker that cannot be called is a collector that does not answer. */
async function sendTo(exporter: TraceExporterPort, body: string): Promise<ExportOutcome> {
  try {
    return await exporter.send(body);
  } catch {
    return { outcome: 'retry', error: 'exporter_unavailable' };
  }
}

function after(progress: TraceProgress, batch: Batch, outcome: ExportOutcome, deps: TraceChoreDeps): TraceProgress {
  if (outcome.outcome === 'taken') {
    const rejected = Math.min(outcome.rejected, batch.spans);
    return {
      ...progress,
      ...{ seq: batch.to, tries: 0, notBefore: 0 },
      taken: progress.taken + batch.spans - rejected,
      rejected: progress.rejected + rejected,
    };
  }
  const tries = progress.tries + 1;
  const isOver = outcome.outcome === 'refused' || tries >= traceTriesMax;
  if (!isOver) return { ...progress, tries, notBefore: deps.now() + pauseMs(tries, outcome, deps) };
  const { error, status = null } = outcome;
  deps.log('error', 'traces_given_up', { spans: batch.spans, tries, error, status });
  return { ...progress, seq: batch.to, tries: 0, notBefore: 0, lost: progress.lost + batch.spans };
}

/** Doubled each time, spread over its second half; never sooner than the collector asked for. */
function pauseMs(tries: number, outcome: Extract<ExportOutcome, { outcome: 'retry' }>, { random }: TraceChoreDeps) {
  const pause = Math.min(traceRetryMsMin * 2 ** (tries - 1), traceRetryMsMax);
  const spread = pause / 2 + (pause / 2) * random();
  return Math.ceil(Math.max(spread, Math.min(outcome.retryAfterMs ?? 0, traceRetryMsMax)));
}

/** It begins with what happens from now on; of a swarm that is just made, with its first event. */
function begin({ sql, headSeq, now }: TraceChoreDeps): TraceProgress {
  const progress = { seq: headSeq(), since: now(), ...NONE };
  save(sql, progress);
  return progress;
}

function load(sql: Sql): TraceProgress | null {
  const stored = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'traced'`));
  return stored === null ? null : { ...NONE, ...(JSON.parse(stored.value) as TraceProgress) }; // our own text
}

function save(sql: Sql, progress: TraceProgress): void {
  sql.run(
    `INSERT INTO meta (key, value) VALUES ('traced', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    JSON.stringify(progress),
  );
}
