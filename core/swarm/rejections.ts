// Every reason why a swarm refuses, as plain data with a stable code, and the one table from code to HTTP status and title.
// docs/reference/errors.md is checked against it. Codes stand in order of precedence within their group.

/** A refusal: its code, and what the caller may need to know. */
export interface Rejection {
  readonly code: RejectionCode;
  readonly [detail: string]: unknown;
}

interface Meaning {
  readonly status: number;
  readonly title: string;
}

export const REJECTIONS = {
  // The swarm as a whole.
  swarm_not_found: { status: 404, title: 'There is no such swarm' },
  swarm_exists: { status: 409, title: 'The swarm exists already' },
  swarm_filling: { status: 503, title: 'The swarm is still being filled' },
  swarm_sealed: { status: 409, title: 'The swarm was imported: its journal is another’s and does not go on here' },
  swarm_halted: { status: 503, title: 'The swarm has stopped writing because its books or its history do not add up' },
  breaker_open: { status: 429, title: 'The swarm has used up what it may do in this minute' },
  storage_full: { status: 507, title: 'The swarm has no room for new work' },
  content_too_large: { status: 413, title: 'What is asked for does not fit an event' },
  content_invalid: { status: 422, title: 'What is asked for holds text that is not well-formed Unicode' },
  too_many_readers: { status: 429, title: 'As many are reading as may at once' },
  limit_reached: { status: 409, title: 'A limit is reached' },
  // Forks.
  fork_not_found: { status: 404, title: 'There is no such fork' },
  not_a_fork: { status: 409, title: 'The swarm is no fork' },
  effects_on: { status: 409, title: 'The fork acts outside' },
  effects_off: { status: 409, title: 'Nothing leaves this fork until its effects are switched on' },
  what_if_running: { status: 409, title: 'A what-if is under way in this fork' },
  what_if_done: { status: 409, title: 'This fork has had its what-if' },
  route_not_found: { status: 422, title: 'There is no such route' },
  // Who asks.
  key_revoked: { status: 401, title: 'The API key is not in force' },
  key_not_found: { status: 404, title: 'There is no such key' },
  key_not_active: { status: 409, title: 'The key is not active' },
  scope_exceeds_own: { status: 403, title: 'A key cannot give or take away more than it has' },
  // The same id again.
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for another request' },
  // Work.
  deadline_past: { status: 422, title: 'The deadline has passed' },
  deadline_too_far: { status: 422, title: 'The deadline is too far away' },
  operation_unknown: { status: 422, title: 'Nobody in this swarm offers this operation' },
  budget_too_small: { status: 422, title: 'The budget is below the lowest price' },
  requirements_unsatisfiable: { status: 422, title: 'Nobody in this swarm meets these requirements' },
  credits_insufficient: { status: 402, title: 'There are not enough credits' },
  task_not_found: { status: 404, title: 'There is no such task' },
  task_already_finished: { status: 409, title: 'The task has finished' },
  attempt_not_current: { status: 409, title: 'The attempt is not the one in force' },
  // Missions.
  plan_empty: { status: 422, title: 'The plan has no tasks' },
  plan_key_repeated: { status: 422, title: 'A key stands twice in the plan' },
  plan_key_unknown: { status: 422, title: 'The plan waits for a task that it does not have' },
  plan_result_not_awaited: { status: 422, title: 'A task uses a result that it does not wait for' },
  plan_cyclic: { status: 422, title: 'The plan has a cycle' },
  mission_not_found: { status: 404, title: 'There is no such mission' },
  mission_already_finished: { status: 409, title: 'The mission has finished' },
  // Devices.
  enrollment_not_found: { status: 404, title: 'There is no such enrolment' },
  enrollment_used: { status: 409, title: 'The enrolment token has been used' },
  enrollment_expired: { status: 410, title: 'The enrolment token has expired' },
  device_already_enrolled: { status: 409, title: 'This key is enrolled already' },
  device_not_found: { status: 404, title: 'There is no such device' },
  device_unknown: { status: 401, title: 'The device is not enrolled here' },
  device_revoked: { status: 403, title: 'The device has been revoked' },
  version_conflict: { status: 409, title: 'The desired state has another version' },
  epoch_stale: { status: 409, title: 'The epoch is not the one in force' },
  sequence_gap: { status: 409, title: 'A fact is missing before this one' },
  fact_invalid: { status: 422, title: 'The fact cannot be read' },
  // The journal.
  event_not_found: { status: 404, title: 'There is no such event' },
  size_ahead: { status: 422, title: 'The journal is not so long' },
  sizes_reversed: { status: 422, title: 'What is to be proved comes after what it is to be proved in' },
  signing_halted: { status: 503, title: 'The swarm signs nothing because somebody holds another history of it' },
  // Imports.
  import_not_found: { status: 404, title: 'There is no such import' },
  import_invalid: { status: 422, title: 'This is not a whole and untouched export' },
  import_superseded: { status: 409, title: 'Another request goes on with this import' },
  // The past and the archive.
  moment_ahead: { status: 422, title: 'This moment has not been yet' },
  moment_before_genesis: { status: 422, title: 'The swarm did not exist at this moment' },
  history_expired: { status: 410, title: 'This part of the past is past its retention' },
  history_damaged: { status: 503, title: 'The archive of this part of the past is damaged' },
  moment_unreadable: { status: 422, title: 'This is not read at a moment of the past' },
  range_reversed: { status: 422, title: 'The first moment is behind the second' },
  range_too_large: { status: 422, title: 'There are too many events between the two' },
  segment_not_found: { status: 404, title: 'There is no such segment' },
  archive_out_of_order: { status: 409, title: 'The archive does not go on from there' },
  retention_not_over: { status: 409, title: 'What is to go is still within its retention' },
  // The ledger.
  transfer_not_found: { status: 404, title: 'There is no such transfer' },
  account_reserved: { status: 422, title: 'The account is moved by cycles alone' },
  reference_reserved: { status: 422, title: 'References that begin so are the swarm’s own' },
  transfer_to_itself: { status: 422, title: 'A transfer has two accounts' },
  amount_invalid: { status: 422, title: 'The amount is not one that can be moved' },
  transfer_reserved: { status: 409, title: 'The hold belongs to a task' },
  hold_not_found: { status: 404, title: 'There is no such hold' },
  hold_already_resolved: { status: 409, title: 'The hold has ended' },
  hold_exceeded: { status: 422, title: 'More cannot be settled than was held' },
  // Triggers and webhooks.
  trigger_not_found: { status: 404, title: 'There is no such trigger' },
  mapping_failed: { status: 422, title: 'The payload does not give what the mapping asks for' },
  webhook_not_found: { status: 404, title: 'There is no such webhook' },
  delivery_not_found: { status: 404, title: 'There is no such delivery' },
  webhook_not_active: { status: 409, title: 'The webhook is not active' },
} as const satisfies Record<string, Meaning>;
export type RejectionCode = keyof typeof REJECTIONS;
