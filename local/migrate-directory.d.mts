import type { DirectoryDatabase, Migration } from './migrations.ts';

export declare function migrateDirectory(
  database: DirectoryDatabase,
  migrations: readonly Migration[],
): Promise<string[]>;
