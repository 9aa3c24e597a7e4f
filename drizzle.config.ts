// How migrations/directory is made from functions/directory/schema.ts: `npx drizzle-kit generate --name <what changes>`.

import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: './functions/directory/schema.ts',
  out: './migrations/directory',
});
