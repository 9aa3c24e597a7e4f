// Lets a device in, for its squad: which epoch is in force, and how far its facts have come.

import type { Admission, AdmissionRefused, Admitted } from '../../core/devices/port.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Door } from './door.ts';

export function admit(
  admission: Admission,
  { door, read }: { readonly door: Door; readonly read: Read },
): Result<Admitted, AdmissionRefused> {
  const { device, connection } = admission;
  const { result } = door.executeOne({
    id: `admit:${device}:${connection}`,
    actor: { kind: 'device', id: device },
    command: { type: 'AdmitDevice', ...admission },
    remember: true,
  });
  if (!result.ok) {
    const { code } = result.error;
    return err({ code: code === 'device_unknown' || code === 'device_revoked' ? code : 'swarm_unavailable' });
  }
  const presence = read.row('presence', device);
  return ok({ epoch: presence?.epoch ?? 1, seq: presence?.seq ?? 0, now: Date.now() });
}
