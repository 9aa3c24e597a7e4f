// The tiers of proof, by their letter.

import type { Report } from '../report.ts';
import { corruptionTier } from './corruption.ts';
import { crashPointsTier } from './crash-points.ts';
import { limitsTier } from './limits.ts';
import { plantedBugsTier } from './planted-bugs.ts';
import { realRuntimeTier } from './real-runtime.ts';
import { seedsTier } from './seeds.ts';
import type { Size } from './size.ts';

export const TIERS = {
  B: seedsTier,
  C: seedsTier,
  D: realRuntimeTier,
  E: crashPointsTier,
  F: corruptionTier,
  H: plantedBugsTier,
  L: limitsTier,
} as const satisfies Record<string, (size: Size) => Promise<Report>>;
export type Tier = keyof typeof TIERS;
