// The squad's migrations in order, append-only.

import type { Migration } from '../../durable-objects/migrate.ts';
import { spine } from './0001-spine.ts';

export const squadMigrations: readonly Migration[] = [spine];
