// What the platform says of itself.

import { z } from 'zod';
import { shape } from './shape.ts';

export const Health = shape('Health', z.object({ status: z.literal('ok') }), { status: 'ok' });
