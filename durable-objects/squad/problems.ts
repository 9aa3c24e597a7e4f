// What a squad says is wrong, in `problem` frames, and which close each refusal of the swarm becomes. The codes are part
// of the protocol: docs/reference/device-protocol.md lists them, and a test compares.

import type { AdmissionRefused, FactsAnswer } from '../../core/devices/port.ts';
import type { CloseReason } from '../../core/wire/device.ts';

export const PROBLEM_CODES = [
  'bad_frame',
  'frame_too_large',
  'too_many_frames',
  'too_many_facts',
  'connects_too_often',
  'unauthenticated',
  'challenge_late',
  'device_unknown',
  'device_revoked',
  'epoch_stale',
  'swarm_unavailable',
  'busy',
  'silent',
  'telemetry_refused',
  'telemetry_unavailable',
  'history_conflict',
  'history_unsigned',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface Problem {
  readonly code: ProblemCode;
  /** A sentence for a person; never what the device sent. */
  readonly detail: string;
}

type Refusal = AdmissionRefused['code'] | Extract<FactsAnswer, { kind: 'refused' }>['code'];

/** What each refusal of the swarm means to the device. */
export const REFUSALS: Record<Refusal, { readonly reason: CloseReason; readonly detail: string }> = {
  device_unknown: { reason: 'unauthenticated', detail: 'This key is not the one that was enrolled for this device.' },
  device_revoked: { reason: 'revoked', detail: 'This device was revoked.' },
  epoch_stale: { reason: 'busy', detail: 'Another epoch is in force. Connect again to learn it.' },
  too_many_facts: {
    reason: 'too_many_frames',
    detail: 'This device says more than its share. It keeps the rest and says it later.',
  },
  swarm_unavailable: { reason: 'busy', detail: 'The swarm takes nothing now. Try again later.' },
};

/** The swarm gave no answer: what was asked may have happened or not, and a repeat changes nothing. */
export const NO_ANSWER: Problem = { code: 'busy', detail: 'The swarm did not answer. Try again later.' };
