// Devices and their enrolment as the API shows them.

import { createEnrollment, enrollDevice, enrolledDevice, enrollment } from '../../../core/wire/enrollment.ts';
import { changeDevice, device } from '../../../core/wire/resources.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

export const Device = shape('Device', device, {
  id: EXAMPLE.device,
  name: 'laptop of Mira',
  did: EXAMPLE.did,
  squad: 0,
  state: 'enrolled',
  connected: true,
  lastSeenAt: EXAMPLE.time,
  attempts: 0,
  autonomyLevel: 2,
  description: null,
  desired: { version: 0, state: {} },
  reported: { version: 0, state: {} },
  enrolledAt: EXAMPLE.time,
  updatedAt: EXAMPLE.time,
});

export const DeviceChange = shape('DeviceChange', changeDevice, { desired: { parallel: 2 }, ifVersion: 0 });

export const NewEnrollment = shape('NewEnrollment', createEnrollment, { name: 'laptop of Mira', autonomyLevel: 2 });

export const Enrollment = shape('Enrollment', enrollment, {
  id: EXAMPLE.enrollment,
  token: 'ent_eyJ0Ijoi….Zm9v',
  expiresAt: '2026-11-20T17:00:00.000Z',
});

export const DeviceEnrollment = shape('DeviceEnrollment', enrollDevice, {
  token: 'ent_eyJ0Ijoi….Zm9v',
  did: EXAMPLE.did,
  proof: 'kJ3m1c5a8yq0Vd2b7Tn4Xw9eRf6uHs1pLz0oKi8jMg3QvBtCxYrNaEwDlSfGhUjI4oP5kZ2m7qV9bXcT1yRsCQ',
  name: 'laptop of Mira',
});

export const EnrolledDevice = shape('EnrolledDevice', enrolledDevice, {
  device: EXAMPLE.device,
  tenant: EXAMPLE.tenant,
  swarm: EXAMPLE.swarm,
  credential: 'dvc_eyJ0Ijoi….YmFy',
  connectUrl: 'wss://starling.example/v1/devices/connect',
});
