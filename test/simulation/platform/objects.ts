// The objects' own classes, as they are deployed. `modules.ts` must be loaded before this file is.

export { PastObject } from '../../../durable-objects/past/past.ts';
export { SquadObject } from '../../../durable-objects/squad/squad.ts';
export { SwarmObject } from '../../../durable-objects/swarm/swarm.ts';
