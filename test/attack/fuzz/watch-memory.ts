// How much memory a process keeps. Under load it comes and goes by a quarter with V8's collections, so that one look at it says
// nothing: what is compared is what is left when nothing is asked and V8 has been told to collect.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface MemoryDeps {
  /** The process; null while there is none. */
  pid(): number | null;
  /** Has V8 collect what nobody holds. */
  collect(): Promise<void>;
}

/** Freed pages go back to the system a little later: the lowest of so many looks counts. */
const looks = 20;
const lookMs = 250;

/** Resident memory in bytes that is left after a collection; to be called while nothing is asked. Null where it cannot be known. */
export async function residentAtRest({ pid, collect }: MemoryDeps): Promise<number | null> {
  if (residentOf(pid()) === null) return null;
  await collect();
  let least: number | null = null;
  for (let look = 0; look < looks; look++) {
    await pause(lookMs);
    const bytes = residentOf(pid());
    if (bytes !== null) least = Math.min(least ?? bytes, bytes);
  }
  return least;
}

/** Resident memory in bytes at this moment; null where it cannot be known. */
export function residentOf(pid: number | null): number | null {
  if (pid === null || process.platform !== 'linux') return null;
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    // It ended meanwhile.
    return null;
  }
}
