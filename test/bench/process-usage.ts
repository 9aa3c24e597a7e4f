// What a running process uses, as Linux tells it. Elsewhere there is no such file, and the measures are left out.

import { existsSync, readFileSync } from 'node:fs';

/** Whether memory and CPU of other processes can be read here. */
export const canSeeProcesses = existsSync('/proc/self/stat');

/** Clock ticks a second, in which Linux counts CPU time on every platform that Node runs on. */
const ticksPerSecond = 100;

/** Memory that is in RAM, bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1_024;
}

/** CPU time so far, milliseconds, all threads. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may hold anything; the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000;
}
