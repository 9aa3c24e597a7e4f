// A signed checkpoint as it travels: over HTTP, over the sockets of devices, and in files that people keep.

import { z } from 'zod';

export const checkpoint = z.object({
  origin: z.string(),
  size: z.number().int(),
  head: z.string(),
  root: z.string(),
  at: z.number().int(),
  signature: z.string(),
  publicKey: z.string(),
});
