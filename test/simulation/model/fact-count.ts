// The facts of devices as they stand in the journal: each (device, epoch, seq) once, without gaps, and all that one fact says
// in one place: a fact that counted twice would stand in two [P2] [P3].

import type { Findings } from './findings.ts';

export interface FactCount {
  take(command: string, seq: number): void;
  /** The last seq of a device's epoch that counted. */
  counted(device: string, epoch: number): number;
  total(): number;
}

export function openFactCount(tenant: string, findings: Findings): FactCount {
  /** By `device/epoch`: the last fact that counted, and the event with which it did. */
  const last = new Map<string, { seq: number; event: number }>();
  let total = 0;
  return {
    take(command, event) {
      if (!command.startsWith('fact/')) return;
      const [, device = '', epoch = '', number = ''] = command.split('/');
      const key = `${device}/${epoch}`;
      const seq = Number(number);
      const before = last.get(key) ?? { seq: 0, event: 0 };
      // More of what the same fact says, right behind it.
      const goesOn = seq === before.seq && event === before.event + 1;
      if (seq <= before.seq && !goesOn) findings.add('doubled', `${tenant} ${command}`, 'the fact counted twice');
      if (seq > before.seq + 1) findings.add('facts', `${tenant} ${command}`, `facts are missing after ${before.seq}`);
      if (!goesOn) total++;
      last.set(key, { seq: Math.max(seq, before.seq), event });
    },
    counted: (device, epoch) => last.get(`${device}/${epoch}`)?.seq ?? 0,
    total: () => total,
  };
}
