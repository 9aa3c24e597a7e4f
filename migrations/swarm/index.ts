// The swarm's migrations in order.

import { spine } from './0001-spine.ts';
import { archive } from './0003-archive.ts';

/** Append only. `id` sorts. */
export const swarmMigrations: readonly { readonly id: string; readonly sql: string }[] = [spine, archive];
