// Queued tasks by what decides whether an executor may be given one, so that looking for work reads an index and no row.

export const queue = {
  id: '0005-queue',
  sql: `
ALTER TABLE task ADD COLUMN notBefore INTEGER GENERATED ALWAYS AS (body ->> '$.notBefore') VIRTUAL;
ALTER TABLE task ADD COLUMN executor TEXT GENERATED ALWAYS AS (body ->> '$.require.executor') VIRTUAL;
CREATE INDEX task_queue ON task (operation, id, notBefore, executor) WHERE state = 'queued';
`,
};
