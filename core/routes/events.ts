// What can happen to a route.

import type { PrivacyClass } from '../wire/terms.ts';
import type { ExecutorId } from '../work/state.ts';

export type RouteEvent =
  | {
      readonly type: 'route.offered';
      readonly subject: string;
      readonly body: {
        readonly route: string;
        readonly operation: string;
        readonly executor: ExecutorId;
        readonly version: string;
        readonly summary: string;
        readonly input: { readonly [key: string]: unknown };
        readonly output: { readonly [key: string]: unknown };
        readonly priceMicro: number;
        readonly leaseMs: number;
        readonly privacy: PrivacyClass;
        readonly capabilities: readonly string[];
      };
    }
  | {
      readonly type: 'route.withdrawn';
      readonly subject: string;
      readonly body: { readonly route: string; readonly reason: string };
    }
  | {
      readonly type: 'route.measured';
      readonly subject: string;
      readonly body: { readonly route: string; readonly succeeded: boolean; readonly durationMs: number };
    };
