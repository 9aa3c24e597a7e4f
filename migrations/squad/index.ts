// The squad's migrations in order.

import { spine } from './0001-spine.ts';
import { tries } from './0002-tries.ts';

/** Append only. `id` sorts. */
export const squadMigrations: readonly { readonly id: string; readonly sql: string }[] = [spine, tries];
