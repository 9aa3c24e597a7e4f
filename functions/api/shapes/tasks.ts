// Tasks and missions as the API shows them.

import { createMission, mission } from '../../../core/wire/missions.ts';
import { createTask, task } from '../../../core/wire/tasks.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

export const NewTask = shape('NewTask', createTask, {
  operation: 'text.keywords',
  input: { text: 'A swarm plans the work and picks who does it.' },
  maxCreditsMicro: 5_000,
  require: { privacy: 'internal' },
});

export const Task = shape('Task', task, {
  id: EXAMPLE.task,
  state: 'succeeded',
  operation: 'text.keywords',
  input: { text: 'A swarm plans the work and picks who does it.' },
  result: { keywords: ['swarm plans', 'work'] },
  error: null,
  cost: { heldMicro: 0, settledMicro: 1_200 },
  maxCreditsMicro: 5_000,
  require: { privacy: 'internal' },
  route: `text.keywords@${EXAMPLE.device}`,
  attempts: [
    {
      id: EXAMPLE.attempt,
      n: 1,
      executor: EXAMPLE.device,
      route: `text.keywords@${EXAMPLE.device}`,
      state: 'succeeded',
      priceMicro: 1_200,
      fraction: 1,
      leaseUntil: '2026-11-20T16:01:00.000Z',
      startedAt: EXAMPLE.time,
      endedAt: EXAMPLE.later,
      error: null,
    },
  ],
  mission: null,
  key: null,
  after: [],
  origin: 'api',
  trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  deadline: '2026-11-20T16:15:00.000Z',
  createdAt: EXAMPLE.time,
  updatedAt: EXAMPLE.later,
});

export const NewMission = shape('NewMission', createMission, {
  name: 'what is in the readme',
  plan: {
    tasks: [
      { key: 'read', operation: 'fs.read', input: { path: 'README.md' } },
      {
        key: 'summarise',
        operation: 'text.summarize',
        input: { text: { $result: 'read', path: '/content' } },
        after: ['read'],
      },
    ],
  },
});

export const Mission = shape('Mission', mission, {
  id: EXAMPLE.mission,
  name: 'what is in the readme',
  state: 'running',
  failedKey: null,
  tasks: [
    {
      key: 'read',
      taskId: EXAMPLE.task,
      operation: 'fs.read',
      after: [],
      state: 'leased',
      executor: EXAMPLE.device,
      settledMicro: 0,
    },
  ],
  cost: { heldMicro: 400, settledMicro: 0 },
  origin: 'api',
  createdAt: EXAMPLE.time,
  updatedAt: EXAMPLE.later,
});
