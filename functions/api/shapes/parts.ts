// Parts of requests that many routes share.

import { z } from 'zod';
import type { At } from '../../../core/history/port.ts';
import { listLimitDefault, listLimitMax } from '../../../core/limits.ts';
import { readTime } from '../../../core/rfc3339.ts';

const cursorCharsMax = 200;

/** A whole number in a query. Written out: `Number` would read ` 5 `, `0x5` and nothing at all. */
export function wholeNumber(least: number, most: number, description: string) {
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, `expected a whole number from ${least} to ${most}`)
    .transform(Number)
    .pipe(z.number().int().min(least).max(most))
    .meta({ type: 'integer', minimum: least, maximum: most, description });
}

const seqPattern = /^(0|[1-9]\d{0,15})$/;

/** A moment of the past: the seq of an event, or a time. */
export const moment = z
  .string()
  .refine((text) => seqPattern.test(text) || readTime(text) !== null, {
    message: 'expected the seq of an event, or a time as RFC 3339 writes it',
  })
  .transform((text): At => (seqPattern.test(text) ? { seq: Number(text) } : { time: readTime(text) ?? 0 }))
  .meta({
    type: 'string',
    description: 'The moment after the event of this seq, or after the last event at or before this time (RFC 3339).',
    examples: ['42', '2026-11-20T16:00:00.000Z'],
  });

/** How a page of a list is asked for. */
export const page = z.strictObject({
  limit: wholeNumber(1, listLimitMax, `Things on a page; ${listLimitDefault} when left out.`).optional(),
  cursor: z
    .string()
    .min(1)
    .max(cursorCharsMax)
    .regex(/^[\x21-\x7e]+$/, 'expected a cursor that a list answered with')
    .optional()
    .meta({ description: 'The `nextCursor` of the page before.' }),
});

/** A page of the things that are in one state. */
export function pageByState<const S extends readonly [string, ...string[]]>(states: S) {
  return page.extend({ state: z.enum(states).optional().meta({ description: 'Only those in this state.' }) });
}

/** A page as a swarm is asked for it. */
export function pageOf(query: { readonly limit?: number | undefined; readonly cursor?: string | undefined }) {
  return { limit: query.limit ?? listLimitDefault, cursor: query.cursor ?? null };
}

/** Ids and times that the examples share, so that they read as one story. */
export const EXAMPLE = {
  tenant: 'tnt_01kf2m8z3n5q7r9t1v3x5z7a9b',
  swarm: 'swm_01kf2m8z3p8s0t2v4w6y8a0c2d',
  user: 'usr_01kf2m8z3q1b3d5f7h9k1m3n5p',
  key: 'key_01kf2m8z3r6c8e0g2j4k6n8p0q',
  task: 'tsk_01kf2m9c4s2d4f6h8j0m2p4r6t',
  attempt: 'att_01kf2m9c4s2d4f6h8j0m2p4r6v',
  mission: 'msn_01kf2m9x5t7e9g1j3k5n7q9s1v',
  device: 'dev_01kf2m9a6v3f5h7k9m1p3r5t7w',
  enrollment: 'enr_01kf2m9a6w8g0j2m4n6q8s0v2x',
  transfer: 'trf_01kf2m9c4s2d4f6h8j0m2p4r6w',
  trigger: 'trg_01kf2mab7x4h6k8n0p2r4t6w8y',
  webhook: 'whk_01kf2mab7y9j1m3p5q7s9v1x3z',
  delivery: 'dlv_01kf2mab7z5k7n9q1r3t5w7y9a',
  request: 'req_01kf2mab80a6m8p0r2s4v6x8z0',
  time: '2026-11-20T16:00:00.000Z',
  later: '2026-11-20T16:00:00.240Z',
  hash: '9f2c1d7ab04e58f36c1b9d80e7a54f12c3d6980b7e41fa25d8c093b16e7f4a5c',
  did: 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH',
} as const;
