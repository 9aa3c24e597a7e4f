// What may be asked about devices, by members and by the devices themselves.

import type { DeviceId, EnrollmentId } from '../ids.ts';
import type { JsonObject } from '../json.ts';
import type { FactBody } from '../wire/device.ts';

export type DeviceCommand =
  | { readonly type: 'OpenEnrollment'; readonly name?: string | undefined; readonly autonomyLevel?: number | undefined }
  | { readonly type: 'EnrollDevice'; readonly enrollment: EnrollmentId; readonly did: string; readonly name: string }
  | {
      readonly type: 'AdmitDevice';
      readonly device: DeviceId;
      readonly did: string;
      readonly connection: string;
      readonly epoch: number;
      readonly seq: number;
    }
  | { readonly type: 'DeviceLeft'; readonly device: DeviceId; readonly connection: string }
  | {
      readonly type: 'ChangeDevice';
      readonly device: DeviceId;
      readonly name?: string | undefined;
      readonly autonomyLevel?: number | undefined;
      readonly desired?: JsonObject | undefined;
      readonly ifVersion?: number | undefined;
    }
  | { readonly type: 'RevokeDevice'; readonly device: DeviceId }
  /** One fact from a device's outbox. `poison` in the place of a body that could not be read. */
  | {
      readonly type: 'TakeFact';
      readonly device: DeviceId;
      readonly epoch: number;
      readonly seq: number;
      readonly body: FactBody | { readonly type: 'poison'; readonly reason: string };
    };
