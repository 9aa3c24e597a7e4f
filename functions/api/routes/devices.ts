// Devices as members see them: listed, looked at, changed, revoked.

import { perform, show } from '../call.ts';
import { idParam, type Route, route } from '../route.ts';
import { Device, DeviceChange } from '../shapes/devices.ts';
import { pageByState, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';

const id = idParam('dev', 'device_not_found');

export const deviceRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/devices',
    operationId: 'listDevices',
    tag: 'Devices',
    summary: 'List devices, newest first',
    scope: 'devices:read',
    past: true,
    query: pageByState(['enrolled', 'revoked']),
    answers: { 200: { description: 'A page of devices.', body: listOf(Device) } },
    serve: ({ query }, call) => show({ type: 'devices', state: query.state, ...pageOf(query) }, call),
  }),

  route({
    method: 'get',
    path: '/v1/devices/{id}',
    operationId: 'getDevice',
    tag: 'Devices',
    summary: 'Look at a device',
    scope: 'devices:read',
    past: true,
    params: { id },
    answers: { 200: { description: 'The device.', body: Device } },
    refuses: ['device_not_found'],
    serve: ({ params }, call) => show({ type: 'device', id: params.id }, call),
  }),

  route({
    method: 'patch',
    path: '/v1/devices/{id}',
    operationId: 'changeDevice',
    tag: 'Devices',
    summary: 'Change a device',
    description: 'With `ifVersion`, only while its desired state has the version that you have seen.',
    scope: 'devices:write',
    params: { id },
    body: DeviceChange,
    answers: { 200: { description: 'The device, changed.', body: Device } },
    refuses: ['device_not_found', 'device_revoked', 'version_conflict'],
    serve: ({ params, body }, call) =>
      perform({ type: 'ChangeDevice', device: params.id, ...body }, { status: 200 }, call),
  }),

  route({
    method: 'post',
    path: '/v1/devices/{id}/revoke',
    operationId: 'revokeDevice',
    tag: 'Devices',
    summary: 'Revoke a device, for good',
    scope: 'devices:write',
    params: { id },
    answers: { 200: { description: 'The device, revoked.', body: Device } },
    refuses: ['device_not_found'],
    serve: ({ params }, call) => perform({ type: 'RevokeDevice', device: params.id }, { status: 200 }, call),
  }),
];
