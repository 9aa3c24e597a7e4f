// What is looked for after every commit stands in indexes: queued tasks by what decides whether an executor may be given one,
// and what waits in the outbox by its kind. Neither costs more with more rows.

export const queue = {
  id: '0005-queue',
  sql: `
ALTER TABLE task ADD COLUMN notBefore INTEGER GENERATED ALWAYS AS (body ->> '$.notBefore') VIRTUAL;
ALTER TABLE task ADD COLUMN executor TEXT GENERATED ALWAYS AS (body ->> '$.require.executor') VIRTUAL;
CREATE INDEX task_queue ON task (operation, id, notBefore, executor) WHERE state = 'queued';

ALTER TABLE outbox ADD COLUMN kind TEXT GENERATED ALWAYS AS (effect ->> '$.kind') VIRTUAL;
CREATE INDEX outbox_due ON outbox (kind, due) WHERE parked = 0;
`,
};
