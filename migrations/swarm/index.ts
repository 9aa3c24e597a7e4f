// The swarm's migrations in order.

import { spine } from './0001-spine.ts';
import { checkpoints } from './0002-checkpoints.ts';
import { archive } from './0003-archive.ts';
import { forks } from './0004-forks.ts';
import { queue } from './0005-queue.ts';
import { deliveries } from './0006-deliveries.ts';
import { briefs } from './0007-briefs.ts';
import { tries } from './0008-tries.ts';

/** Append only. `id` sorts. */
export const swarmMigrations: readonly { readonly id: string; readonly sql: string }[] = [
  spine,
  checkpoints,
  archive,
  forks,
  queue,
  deliveries,
  briefs,
  tries,
];
