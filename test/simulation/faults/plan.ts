// The faults of one seed: which are switched on, how often each strikes, how often each did.

import { type Random, seededRandom } from '../random.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from './table.ts';

export interface FaultPlan {
  /** Whether the fault strikes at this opportunity; counted when it does. */
  strikes(fault: FaultName): boolean;
  /** The same, for a fault that is counted only when it has mattered. */
  tempts(fault: FaultName): boolean;
  /** It has mattered. */
  count(fault: FaultName): void;
  counts(): Readonly<Record<string, number>>;
  /** No fault strikes from now on. */
  calm(): void;
}

/** One fault in so many is off in a seed. */
const offShare = 0.3;

/** No faults at all: for runs that plan each one themselves. */
export function noFaults(): FaultPlan {
  const plan = planFaults(seededRandom(0));
  plan.calm();
  return plan;
}

export function planFaults(random: Random): FaultPlan {
  const counts: Record<string, number> = {};
  const rates: Record<string, number> = {};
  for (const name of FAULT_NAMES) {
    const [least, most] = FAULTS[name].rate;
    const isOff = random.chance(offShare);
    const share = random.next();
    // Rates spread over orders of magnitude: rare faults meet states that frequent ones never let come about.
    rates[name] = isOff || most === 0 ? 0 : least * (most / least) ** share;
    counts[name] = 0;
  }
  let isCalm = false;
  const count = (fault: FaultName): void => {
    counts[fault] = (counts[fault] ?? 0) + 1;
  };
  const tempts = (fault: FaultName): boolean => {
    const rate = rates[fault] ?? 0;
    return !isCalm && rate > 0 && random.chance(rate);
  };
  return {
    tempts,
    count,
    strikes(fault) {
      const hit = tempts(fault);
      if (hit) count(fault);
      return hit;
    },
    counts: () => counts,
    calm() {
      isCalm = true;
    },
  };
}
