// Exports that were brought in, as the API shows them.

import { z } from 'zod';
import { idOf, time } from '../../../core/wire/terms.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

const imported = z.object({
  id: idOf('swm'),
  name: z.string(),
  /** `tenant/swarm` of the original: the journal is its, to the last byte. */
  origin: z.string(),
  /** Events in the journal. */
  size: z.number().int(),
  head: z.string(),
  root: z.string(),
  /** The hash of the state that these events make. */
  stateHash: z.string(),
  createdAt: time,
});

const example = {
  id: 'swm_01kf2mab8267p0r2t4v6x8z0b2',
  name: 'before the release',
  origin: `${EXAMPLE.tenant}/${EXAMPLE.swarm}`,
  size: 42,
  head: EXAMPLE.hash,
  root: EXAMPLE.hash,
  stateHash: EXAMPLE.hash,
  createdAt: EXAMPLE.time,
};

export const Import = shape('Import', imported, example);
export const ImportWithKey = shape(
  'ImportWithKey',
  imported.extend({ apiKey: z.object({ id: idOf('key'), secret: z.string() }) }),
  { ...example, apiKey: { id: EXAMPLE.key, secret: 'sk_eyJ0IjoidG50XzAx….h2Yk0' } },
);
