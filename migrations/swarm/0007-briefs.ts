// What decisions ask of many tasks at once stands in indexes: a task's row without what may be large. Neither the walk of a
// mission nor the search for what an executor may do reads what was asked and answered.

export const briefs = {
  id: '0007-briefs',
  sql: `
-- Expressions and not columns: what is generated is worked out whenever a row is written, these only for the rows of their index.
CREATE INDEX task_mission ON task (mission, id, json_remove(body, '$.input', '$.result', '$.error', '$.after'), length(body))
WHERE mission IS NOT NULL;
CREATE INDEX task_queue_brief
ON task (operation, id, notBefore, executor, json_remove(body, '$.input', '$.result', '$.error', '$.after'), length(body))
WHERE state = 'queued';
CREATE INDEX task_unfunded ON task (id, notBefore) WHERE state = 'queued' AND body ->> '$.unfunded' = 1;
-- Lists of what did not succeed look at nothing else.
CREATE INDEX task_ended ON task (state, id) WHERE state IN ('failed', 'cancelled', 'expired');
`,
};
