// Tasks: asked for, watched, cancelled, proved.

import type { Json } from '../../../core/json.ts';
import { readTime } from '../../../core/rfc3339.ts';
import { isOpen, TASK_STATES, type TaskState } from '../../../core/work/state.ts';
import { answer, asObject, type Call, callSwarm, execute, perform, refuse, show } from '../call.ts';
import { preferredWait } from '../middleware/prefer.ts';
import { idParam, type Route, route } from '../route.ts';
import { TaskProof } from '../shapes/journal.ts';
import { pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { NewTask, Task } from '../shapes/tasks.ts';

const id = idParam('tsk', 'task_not_found');

export const taskRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/tasks',
    operationId: 'createTask',
    tag: 'Tasks',
    summary: 'Ask for a task',
    description: 'With `Prefer: wait=<seconds>` (at most 30) the answer waits until the task has ended.',
    scope: 'tasks:write',
    body: NewTask,
    answers: {
      200: { description: 'The task, which ended while you waited.', body: Task },
      202: { description: 'The task, which has not ended.', body: Task },
    },
    refuses: [
      'operation_unknown',
      'requirements_unsatisfiable',
      'budget_too_small',
      'credits_insufficient',
      'deadline_past',
      'deadline_too_far',
      'content_too_large',
      'limit_reached',
    ],
    async serve({ body }, call) {
      const { deadline, ...asked } = body;
      const executed = await execute({ type: 'RequestTask', ...asked, deadline: timeOf(deadline) }, call);
      if (!executed.ok) return refuse(executed.error, call);
      const { id, view } = executed.value;
      return answerTask(view, { id, unasked: 202, location: `/v1/tasks/${id}` }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/tasks',
    operationId: 'listTasks',
    tag: 'Tasks',
    summary: 'List tasks, newest first',
    scope: 'tasks:read',
    past: true,
    query: pageByState(TASK_STATES),
    answers: { 200: { description: 'A page of tasks.', body: listOf(Task) } },
    serve: ({ query }, call) => show({ type: 'tasks', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'get',
    path: '/v1/tasks/{id}',
    operationId: 'getTask',
    tag: 'Tasks',
    summary: 'Look at a task',
    description: 'With `Prefer: wait=<seconds>` (at most 30) the answer waits until the task has ended.',
    scope: 'tasks:read',
    past: true,
    params: { id },
    answers: {
      200: { description: 'The task.', body: Task },
      202: { description: 'The task, which did not end while you waited.', body: Task },
    },
    refuses: ['task_not_found'],
    async serve({ params }, call) {
      // What was, has ended: nobody waits in the past.
      if (call.at !== null || preferredWait(call.request.headers) === null)
        return show({ type: 'task', id: params.id }, call);
      return answerTask(null, { id: params.id, unasked: 200 }, call);
    },
  }),

  route({
    method: 'post',
    path: '/v1/tasks/{id}/cancel',
    operationId: 'cancelTask',
    tag: 'Tasks',
    summary: 'Cancel a task',
    scope: 'tasks:write',
    params: { id },
    answers: { 200: { description: 'The task, cancelled.', body: Task } },
    refuses: ['task_not_found', 'task_already_finished'],
    serve: ({ params }, call) => perform({ type: 'CancelTask', task: params.id }, { status: 200 }, call),
  }),

  route({
    method: 'get',
    path: '/v1/tasks/{id}/proof',
    operationId: 'proveTask',
    tag: 'Tasks',
    summary: 'Prove a task',
    description:
      'Everything that happened for it: its events with their hashes, its transfers, and a signed checkpoint.',
    scope: 'tasks:read',
    params: { id },
    answers: { 200: { description: 'The proof.', body: TaskProof } },
    refuses: ['task_not_found'],
    serve: ({ params }, call) => show({ type: 'task-proof', id: params.id }, call),
  }),
];

/** A time on the wire as a command has it. */
export function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : (readTime(text) ?? undefined); // the schema has read it once
}

/**
 * Answers with a task: as `view` shows it, or as it is when it has ended or the client's patience has, if it has any.
 * `unasked` is the status of a task that has not ended, for a client that did not ask to wait.
 */
async function answerTask(
  view: Json,
  how: { readonly id: string; readonly unasked: 200 | 202; readonly location?: string },
  call: Call,
): Promise<Response> {
  const { swarm, actor } = call.caller;
  const seconds = preferredWait(call.request.headers);
  const headers: Record<string, string> = {};
  if (how.location !== undefined) headers.location = how.location;
  let shown = view;
  if (seconds !== null) {
    const work = (service: ReturnType<typeof call.deps.swarm>) => service.waitForTask(actor, how.id, seconds * 1_000);
    call.frame.leave?.();
    const waited = await callSwarm(swarm, true, work, call.deps);
    if (!waited.ok) return refuse(waited.error, call);
    shown = waited.value;
    headers['preference-applied'] = `wait=${seconds}`;
  }
  // The state of a task as the swarm itself shows it.
  const hasEnded = !isOpen({ state: asObject(shown).state as TaskState });
  return answer(hasEnded ? 200 : seconds === null ? how.unasked : 202, shown, headers);
}
