// What a mission looks like after an event.

import { assert } from '../assert.ts';
import type { MissionEvent } from './events.ts';
import type { Mission } from './state.ts';

export function evolveMission(mission: Mission | null, event: MissionEvent, at: number): Mission {
  if (event.type === 'mission.started') {
    assert(mission === null, 'a mission starts once');
    const { mission: id, name, tasks, origin } = event.body;
    return { id, name, state: 'running', tasks, origin, failedKey: null, createdAt: at, updatedAt: at };
  }
  assert(mission !== null && mission.state === 'running', 'a mission ends once');
  switch (event.type) {
    case 'mission.succeeded':
      return { ...mission, state: 'succeeded', updatedAt: at };
    case 'mission.failed':
      return { ...mission, state: 'failed', failedKey: event.body.key, updatedAt: at };
    case 'mission.cancelled':
      return { ...mission, state: 'cancelled', updatedAt: at };
  }
}
