// What the API needs of its surroundings. Only functions/worker.ts reads the environment and fills this in.

import type { SwarmId } from '../../core/ids.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import type { Directory } from '../directory/directory.ts';
import type { DeadLetterBucket } from '../telemetry/dead-letters.ts';
import type { RateLimits } from './middleware/rate-limit.ts';

export interface ApiDeps {
  /** The swarm's object. Asked again for each call: a stub that saw a fault is not used again. */
  swarm(id: SwarmId): SwarmService;
  /** Hands a request to a squad's object (`squadName`); the answer may carry a WebSocket. */
  squadFetch(swarm: SwarmId, squad: number, request: Request): Promise<Response>;
  readonly directory: Directory;
  /** Where telemetry's dead letters lie. */
  readonly archive: DeadLetterBucket;
  /** 32 bytes that sign API keys, enrolment tokens, device credentials and trigger addresses. */
  readonly tokenKey: Uint8Array;
  /** 32 bytes that seal the secrets of triggers and webhooks. */
  readonly sealKey: Uint8Array;
  /** Where the platform is reached, without a path or a slash at the end. */
  readonly baseUrl: string;
  /** Further origins whose pages may use the session cookie. */
  readonly trustedOrigins: readonly string[];
  /** Lets webhooks go to private addresses. Never set on a public platform. */
  readonly allowPrivate: boolean;
  readonly rateLimits?: RateLimits;
  /** Milliseconds since the epoch. */
  now(): number;
  /** `count` random bytes. */
  entropy(count: number): Uint8Array;
  pause(ms: number): Promise<void>;
  /** Hears of every fault and defect, with the request it befell. What it is given holds no body and no token. */
  report(fault: unknown, requestId: string): void;
}
