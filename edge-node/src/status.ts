// What a person may see of a runtime: written by it into its home when something changes, read by `starling device status`
// together with the database, so that both say the same after a crash.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { checkpoint } from '../../core/wire/checkpoint.ts';
import type { Cancel, Clock } from './clock.ts';
import { HOME_FILES, isHomeInUse, readPrivateFile, writePrivateFile } from './home.ts';
import type { LinkStatus } from './link/link.ts';

/** A fact that is not committed by then, though the device is connected, is a reason to look. */
export const staleFactMs = 60_000;
/** What changes with the work is written at most so often. */
const writeMsMin = 1_000;

const runtimeStatus = z.object({
  pid: z.number(),
  startedAt: z.number(),
  link: z.enum(['connecting', 'live', 'waiting', 'stopped']),
  linkSince: z.number(),
  lastProblem: z.string().nullable(),
  lastCommittedAt: z.number().nullable(),
  running: z.number(),
});
type RuntimeStatus = z.infer<typeof runtimeStatus>;

export interface StatusFile {
  link(status: LinkStatus): void;
  committed(at: number): void;
  running(count: number): void;
  /** Writes what is not written yet. */
  flush(): void;
}

/** Keeps status.json in this home up to date. A file that cannot be written is no reason to stop. */
export function createStatusFile(home: string, clock: Clock): StatusFile {
  const path = join(home, HOME_FILES.status);
  let status: RuntimeStatus = {
    pid: process.pid,
    startedAt: clock.now(),
    link: 'connecting',
    linkSince: clock.now(),
    lastProblem: null,
    lastCommittedAt: null,
    running: 0,
  };
  let writtenAt = Number.NEGATIVE_INFINITY;
  let cancel: Cancel | null = null;
  const write = () => {
    cancel?.();
    cancel = null;
    writtenAt = clock.monotonic();
    try {
      writePrivateFile(path, `${JSON.stringify(status)}\n`);
    } catch {
      // A full disk. The database and the lock still tell what matters.
    }
  };
  const change = (part: Partial<RuntimeStatus>, isUrgent = false) => {
    status = { ...status, ...part };
    const waitMs = writtenAt + writeMsMin - clock.monotonic();
    if (isUrgent || waitMs <= 0) write();
    else cancel ??= clock.after(waitMs, write);
  };
  return {
    link: ({ state, since, lastProblem }) => change({ link: state, linkSince: since, lastProblem }, true), // as rare as the back-off makes it
    committed: (at) => change({ lastCommittedAt: at }),
    running: (count) => {
      if (count !== status.running) change({ running: count });
    },
    flush: write,
  };
}

/** The whole of what `starling device status` shows. */
export interface DeviceStatus {
  readonly running: boolean;
  readonly runtime: RuntimeStatus | null;
  readonly outbox: {
    readonly epoch: number;
    readonly facts: number;
    readonly bytes: number;
    readonly oldestAgeMs: number | null;
  };
  readonly attempts: { readonly taken: number; readonly running: number };
  readonly receipts: number;
  /** What is held of the swarm's history; null before the first checkpoint. */
  readonly history: {
    readonly size: number | null;
    readonly head: string | null;
    readonly publicKey: string | null;
    readonly takenAt: number | null;
    /** Why what was shown since is not the same history. */
    readonly problem: 'history_rewritten' | null;
    readonly why: string | null;
  };
  /** `red`: it should be committing facts and is not, or its swarm's history was rewritten. `idle`: no runtime lives here now. */
  readonly health: 'green' | 'red' | 'idle';
}

/** Reads the status of a home without disturbing the runtime in it. Null when nothing ever ran there. */
export function readDeviceStatus(home: string, now: number): DeviceStatus | null {
  const path = join(home, HOME_FILES.database);
  if (!existsSync(path)) return null;
  const running = isHomeInUse(home);
  const text = readPrivateFile(join(home, HOME_FILES.status));
  const parsed = runtimeStatus.safeParse(text === null ? null : JSON.parse(text));
  const runtime = parsed.success ? parsed.data : null;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec('PRAGMA busy_timeout = 2000');
    const read = (sql: string) => database.prepare(sql).get() ?? {};
    const outbox = read(
      'SELECT count(*) AS facts, coalesce(sum(octet_length(body)), 0) AS bytes, min(at) AS oldest FROM outbox',
    );
    const oldestAgeMs = typeof outbox.oldest === 'number' ? Math.max(0, now - outbox.oldest) : null;
    const count = (state: string) => Number(read(`SELECT count(*) AS n FROM attempts WHERE state = '${state}'`).n);
    const stale = oldestAgeMs !== null && oldestAgeMs > staleFactMs;
    const history = historyOf(read);
    const isUnwell = runtime?.link !== 'live' || stale;
    return {
      running,
      runtime,
      history,
      outbox: {
        epoch: Number(read('SELECT epoch FROM outbox_state').epoch),
        facts: Number(outbox.facts),
        bytes: Number(outbox.bytes),
        oldestAgeMs,
      },
      attempts: { taken: count('taken'), running: count('running') },
      receipts: Number(read('SELECT count(*) AS n FROM receipts').n),
      health: history.problem !== null || (running && isUnwell) ? 'red' : running ? 'green' : 'idle',
    };
  } finally {
    database.close();
  }
}

/** What the database holds of the swarm's history. One that an older runtime has left has no table for it. */
function historyOf(read: (sql: string) => Record<string, unknown>): DeviceStatus['history'] {
  const isThere = read("SELECT count(*) AS n FROM sqlite_master WHERE name = 'checkpoint'").n === 1;
  const row = isThere ? read('SELECT body, taken_at, conflict FROM checkpoint') : {};
  const held = checkpoint.safeParse(typeof row.body === 'string' ? JSON.parse(row.body) : null); // our own row
  const why = typeof row.conflict === 'string' ? row.conflict : null;
  return {
    size: held.data?.size ?? null,
    head: held.data?.head ?? null,
    publicKey: held.data?.publicKey ?? null,
    takenAt: typeof row.taken_at === 'number' ? row.taken_at : null,
    problem: why === null ? null : 'history_rewritten',
    why,
  };
}
