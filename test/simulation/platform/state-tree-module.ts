// `core/history/state-tree.ts` as a seed sees it: the version of the rows' shapes changes when the code does, in mid-run.

import { STATE_VERSION as REAL_VERSION } from '../../../core/history/state-tree.ts';

export * from '../../../core/history/state-tree.ts';

export let STATE_VERSION = REAL_VERSION;

/** Other code is in force now. Null: the code that is there. */
export function setStateVersion(version: number | null): void {
  STATE_VERSION = version ?? REAL_VERSION;
}
