// What can happen to a device.

import type { DeviceId, EnrollmentId } from '../ids.ts';
import type { JsonObject } from '../json.ts';
import type { DeviceDescription } from '../wire/device.ts';

interface OfDevice {
  readonly device: DeviceId;
}

export type DeviceEvent =
  | {
      readonly type: 'enrollment.opened';
      readonly subject: string;
      readonly body: {
        readonly enrollment: EnrollmentId;
        readonly name: string | null;
        readonly autonomyLevel: number;
        readonly expiresAt: number;
      };
    }
  | {
      readonly type: 'device.enrolled';
      readonly subject: string;
      readonly body: OfDevice & {
        readonly enrollment: EnrollmentId;
        readonly name: string;
        readonly did: string;
        readonly squad: number;
        readonly autonomyLevel: number;
      };
    }
  | {
      readonly type: 'device.connected';
      readonly subject: string;
      readonly body: OfDevice & { readonly connection: string; readonly epoch: number };
    }
  | {
      readonly type: 'device.disconnected';
      readonly subject: string;
      readonly body: OfDevice & { readonly connection: string };
    }
  | {
      readonly type: 'device.described';
      readonly subject: string;
      readonly body: OfDevice & { readonly description: DeviceDescription };
    }
  | {
      readonly type: 'device.reported';
      readonly subject: string;
      readonly body: OfDevice & { readonly version: number; readonly reported: JsonObject };
    }
  | {
      readonly type: 'device.changed';
      readonly subject: string;
      readonly body: OfDevice & {
        readonly name?: string;
        readonly autonomyLevel?: number;
        readonly desired?: JsonObject;
        readonly desiredVersion?: number;
      };
    }
  | { readonly type: 'device.revoked'; readonly subject: string; readonly body: OfDevice }
  /** A fact of this device that says nothing else, or was set aside: it counts, so that the next one may come. */
  | {
      readonly type: 'fact.set_aside';
      readonly subject: string;
      readonly body: OfDevice & { readonly epoch: number; readonly seq: number; readonly code: string };
    }
  | {
      readonly type: 'facts.dropped';
      readonly subject: string;
      readonly body: OfDevice & { readonly count: number; readonly reason: string };
    };
