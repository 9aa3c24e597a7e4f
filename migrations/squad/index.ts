// The squad's migrations in order.

import { spine } from './0001-spine.ts';

/** Append only. `id` sorts. */
export const squadMigrations: readonly { readonly id: string; readonly sql: string }[] = [spine];
