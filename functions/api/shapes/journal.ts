// The journal and its proofs as the API shows them.

import { z } from 'zod';
import { checkpoint, cloudEvent, consistencyProof, inclusionProof, taskProof } from '../../../core/wire/resources.ts';
import { Transfer } from './ledger.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

const origin = `${EXAMPLE.tenant}/${EXAMPLE.swarm}`;

export const Event = shape('Event', cloudEvent, {
  specversion: '1.0',
  id: `${origin}/42`,
  source: `/tenants/${EXAMPLE.tenant}/swarms/${EXAMPLE.swarm}`,
  type: 'starling.task.succeeded',
  subject: `task/${EXAMPLE.task}`,
  time: EXAMPLE.later,
  datacontenttype: 'application/json',
  data: { task: EXAMPLE.task },
  seq: 42,
  hash: EXAMPLE.hash,
  previous: EXAMPLE.hash,
  actor: `device/${EXAMPLE.device}`,
  command: `fact/${EXAMPLE.device}/1/7`,
  schemaversion: 1,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
});

export const Checkpoint = shape('Checkpoint', checkpoint, {
  origin,
  size: 42,
  head: EXAMPLE.hash,
  root: EXAMPLE.hash,
  at: 1_795_190_400_240,
  signature: 'kJ3m1c5a8yq0Vd2b7Tn4Xw9eRf6uHs1pLz0oKi8jMg3QvBtCxYrNaEwDlSfGhUjI4oP5kZ2m7qV9bXcT1yRsCQ',
  publicKey: 'gKk0v3Jt5Vn8w2Yx6Zb1Cq4Rm7Sp9Td0Uf3He5Lj8No',
});

export const InclusionProof = shape('InclusionProof', inclusionProof, {
  event: Event.example,
  leaf: EXAMPLE.hash,
  index: 41,
  path: [EXAMPLE.hash],
  checkpoint: Checkpoint.example,
});

export const ConsistencyProof = shape('ConsistencyProof', consistencyProof, {
  from: 40,
  to: 42,
  path: [EXAMPLE.hash],
  checkpoint: Checkpoint.example,
});

export const TaskProof = shape('TaskProof', taskProof, {
  task: EXAMPLE.task,
  events: [Event.example],
  inclusion: [{ index: 41, path: [EXAMPLE.hash] }],
  transfers: [Transfer.example],
  checkpoint: Checkpoint.example,
});

/** A letter as `functions/telemetry/dead-letters.ts` lists it. */
export const DeadLetterEntry = shape(
  'DeadLetterEntry',
  z.object({
    id: z.string(),
    swarm: z.string().nullable(),
    device: z.string().nullable(),
    reason: z.string().nullable().meta({ description: 'Null when it could be read and only storing it failed.' }),
  }),
  { id: '2026-11-20_3f9a1c', swarm: EXAMPLE.swarm, device: EXAMPLE.device, reason: 'records: expected an array' },
);

export const DeadLetter = shape(
  'DeadLetter',
  DeadLetterEntry.schema.extend({
    messageId: z.string(),
    tenant: z.string(),
    sentAt: z.iso.datetime(),
    deadAt: z.iso.datetime(),
    body: z.unknown().meta({ description: 'The message as it was in the queue.' }),
  }),
  {
    id: '2026-11-20_3f9a1c',
    swarm: EXAMPLE.swarm,
    device: EXAMPLE.device,
    reason: 'records: expected an array',
    messageId: '3f9a1c',
    tenant: EXAMPLE.tenant,
    sentAt: EXAMPLE.time,
    deadAt: EXAMPLE.later,
    body: { batch: 'not a batch' },
  },
);
