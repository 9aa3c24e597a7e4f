// What the API needs of its surroundings. Only functions/worker.ts reads the environment and fills this in.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { ForkPort } from '../../core/forks/port.ts';
import type { PastPort } from '../../core/history/port.ts';
import type { SwarmId } from '../../core/ids.ts';
import type { Log } from '../../core/log-line.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import type { Directory } from '../directory/directory.ts';
import type { RateLimits } from './middleware/rate-limit.ts';
import type { Names } from './names.ts';

/** What the API is made with. What follows from the name that a request is under is made when it is first called by it. */
export interface PlatformDeps extends Omit<ApiDeps, 'baseUrl' | 'directory'> {
  readonly names: Names;
  directoryAt(baseUrl: string): Directory;
}

/** As far as requests take part in it: durable-objects/turns.ts. */
export interface SharedTurns {
  /** Something was done for a tenant: so many rows, so much text. */
  spent(tenant: string, rows: number, bytes: number): void;
  /** To be awaited before the next piece of work; null when there is nothing to wait for. */
  next(tenant: string): Promise<void> | null;
  /** A request comes in: what is to be called when it has gone, or null when it is refused. */
  enter(tenant: string, bytes: number): (() => void) | null;
}

export interface ApiDeps {
  /** The swarm's object. Asked again for each call: a stub that saw a fault is not used again. */
  swarm(id: SwarmId): SwarmService;
  /** The past of a swarm: an object of its own. */
  past(id: SwarmId): PastPort;
  /** The object of a fork. */
  fork(id: SwarmId): ForkPort;
  /** Hands a request to a squad's object (`squadName`); the answer may carry a WebSocket. */
  squadFetch(swarm: SwarmId, squad: number, request: Request): Promise<Response>;
  readonly directory: Directory;
  /** Where telemetry's dead letters lie. */
  readonly archive: Pick<ObjectStore, 'get' | 'list'>;
  /** 32 bytes that sign API keys, enrolment tokens, device credentials and trigger addresses. */
  readonly tokenKey: Uint8Array;
  /** 32 bytes that seal the secrets of triggers and webhooks. */
  readonly sealKey: Uint8Array;
  /** Where the platform is reached, without a path or a slash at the end: of its names, the one that the request is under. */
  readonly baseUrl: string;
  /** Lets webhooks go to private addresses. Never set on a public platform. */
  readonly allowPrivate: boolean;
  /** How tenants share the thread that they all run on; without it nobody waits for anybody. */
  readonly turns?: SharedTurns;
  readonly rateLimits?: RateLimits;
  /** Milliseconds since the epoch. */
  now(): number;
  /** `count` random bytes. */
  entropy(count: number): Uint8Array;
  pause(ms: number): Promise<void>;
  /** Told of each request, once it is answered: which route, how it ended, how long it took. Nothing of its body. */
  readonly log?: Log;
  /** Hears of every fault and defect, with the request it befell. What it is given holds no body and no token. */
  report(fault: unknown, requestId: string): void;
}
