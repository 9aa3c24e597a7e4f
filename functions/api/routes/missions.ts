// Missions: started with a plan, watched, cancelled.

import { MISSION_STATES } from '../../../core/missions/state.ts';
import { perform, show } from '../call.ts';
import { idParam, type Route, route } from '../route.ts';
import { pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { Mission, NewMission } from '../shapes/tasks.ts';
import { timeOf } from './tasks.ts';

const id = idParam('msn', 'mission_not_found');

export const missionRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/missions',
    operationId: 'startMission',
    tag: 'Missions',
    summary: 'Start a mission with a plan',
    description:
      'A plan is a DAG of tasks. An input may hold `{ "$result": "<key>", "path": "/pointer" }` of a task that is named in `after`.',
    scope: 'tasks:write',
    body: NewMission,
    answers: { 202: { description: 'The mission, started.', body: Mission } },
    refuses: [
      'plan_empty',
      'plan_key_repeated',
      'plan_key_unknown',
      'plan_result_not_awaited',
      'plan_cyclic',
      'operation_unknown',
      'requirements_unsatisfiable',
      'budget_too_small',
      'deadline_past',
      'deadline_too_far',
      'content_too_large',
      'limit_reached',
    ],
    serve: async ({ body }, call) => {
      const { deadline, ...asked } = body;
      const command = { type: 'StartMission', ...asked, deadline: timeOf(deadline) } as const;
      return perform(command, { status: 202, at: '/v1/missions/' }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/missions',
    operationId: 'listMissions',
    tag: 'Missions',
    summary: 'List missions, newest first',
    scope: 'tasks:read',
    past: true,
    query: pageByState(MISSION_STATES),
    answers: { 200: { description: 'A page of missions.', body: listOf(Mission) } },
    serve: ({ query }, call) => show({ type: 'missions', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'get',
    path: '/v1/missions/{id}',
    operationId: 'getMission',
    tag: 'Missions',
    summary: 'Look at a mission',
    scope: 'tasks:read',
    past: true,
    params: { id },
    answers: { 200: { description: 'The mission, with the state of its tasks.', body: Mission } },
    refuses: ['mission_not_found'],
    serve: ({ params }, call) => show({ type: 'mission', id: params.id }, call),
  }),

  route({
    method: 'post',
    path: '/v1/missions/{id}/cancel',
    operationId: 'cancelMission',
    tag: 'Missions',
    summary: 'Cancel a mission and its open tasks',
    scope: 'tasks:write',
    params: { id },
    answers: { 200: { description: 'The mission, cancelled.', body: Mission } },
    refuses: ['mission_not_found', 'mission_already_finished'],
    serve: ({ params }, call) => perform({ type: 'CancelMission', mission: params.id }, { status: 200 }, call),
  }),
];
