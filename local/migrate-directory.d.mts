import type { DirectoryDatabase, Migration } from './migrations.ts';

export function migrateDirectory(database: DirectoryDatabase, migrations: readonly Migration[]): Promise<string[]>;
