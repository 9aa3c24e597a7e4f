// What a device holds of its swarm's history, on its way up, and how the history goes on from there, on its way down. The
// squad only carries it: the device and the swarm judge it, each for itself.

import type { SwarmPort } from '../../core/devices/port.ts';
import type { CloseReason, DeviceFrame } from '../../core/wire/device.ts';
import { NO_ANSWER, type Problem } from './problems.ts';
import { type Attachment, type Socket, sendFrame, sendProblem } from './socket.ts';
import { swarmCallMs } from './squad-limits.ts';
import { within } from './within.ts';

export interface HistoryDeps {
  readonly swarm: Pick<SwarmPort, 'continueHistory'>;
  dismiss(socket: Socket, reason: CloseReason, problem?: Problem): void;
  fault(call: string, cause: unknown): void;
}

/** The `held` frame. */
export async function continueHistory(
  { checkpoint }: Extract<DeviceFrame, { type: 'held' }>,
  { device }: Attachment,
  socket: Socket,
  deps: HistoryDeps,
): Promise<void> {
  let answer: Awaited<ReturnType<SwarmPort['continueHistory']>>;
  try {
    answer = await within(deps.swarm.continueHistory(device, checkpoint), swarmCallMs);
  } catch (cause) {
    deps.fault('continueHistory', cause);
    return deps.dismiss(socket, 'busy', NO_ANSWER);
  }
  switch (answer.kind) {
    case 'continued':
      return sendFrame(socket, { type: 'history', checkpoint: answer.checkpoint, path: [...answer.path] });
    case 'conflict':
      return sendProblem(socket, {
        code: 'history_conflict',
        detail: 'The history does not go on from what you hold.',
      });
    case 'unsigned':
      return sendProblem(socket, { code: 'history_unsigned', detail: 'The swarm signs nothing now.' });
  }
}
