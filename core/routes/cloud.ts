// What the swarm itself can do, in process, without a device: operations that need no model, no network and no files. They
// are candidates like any other, at a price.

import type { Json } from '../json.ts';
import type { Report } from '../work/commands.ts';
import type { RouteEvent } from './events.ts';

type Offer = Omit<Extract<RouteEvent, { type: 'route.offered' }>['body'], 'route' | 'operation' | 'executor'> & {
  readonly name: string;
};

/** Attempts that the swarm takes at once, itself. */
export const CLOUD_PARALLEL = 1_000;

export const CLOUD_OPERATIONS: readonly Offer[] = [
  {
    name: 'swarm.echo',
    version: '1.0.0',
    summary: 'Answers with its input: shows that the way through the swarm is open.',
    input: {},
    output: {},
    priceMicro: 100,
    leaseMs: 10_000,
    privacy: 'internal',
    capabilities: [],
  },
];

/** Does one attempt of an in-process operation. Pure: the shell measures and reports. */
export function runInProcess(operation: string, input: Json): Report {
  if (operation === 'swarm.echo') return { type: 'attempt.succeeded', result: input, durationMs: 0 };
  return { type: 'attempt.declined', code: 'operation_unknown', message: 'The swarm does not do this itself.' };
}
