// The steps that bring a device's database up to date, in order.

import { spine } from './0001-spine.ts';
import { checkpoint } from './0002-checkpoint.ts';

/** Append only. `id` sorts. */
export const deviceMigrations: readonly { readonly id: string; readonly sql: string }[] = [spine, checkpoint];
