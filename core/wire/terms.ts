// The terms that several wire schemas share: ids, JSON, amounts, names, times, classes.

import { z } from 'zod';
import { type IdPrefix, isId } from '../ids.ts';
import { isJson, type Json, jsonDepthMax } from '../json.ts';
import { amountMicroMax } from '../limits.ts';
import { readTime } from '../rfc3339.ts';

/** An id with this prefix. */
export function idOf<P extends IdPrefix>(prefix: P) {
  return z
    .string()
    .max(60)
    .refine((text) => isId(prefix, text), { message: `expected an id that starts with ${prefix}_` })
    .meta({ description: `An id that starts with \`${prefix}_\`` });
}

/** Any JSON value, nested within the limit. The depth is looked at first: what is nested too deep is never walked. */
export const json: z.ZodType<Json> = z
  .any()
  .refine(isJson, { message: `expected JSON, nested at most ${jsonDepthMax} deep` });

/** Micro-credits above nought. */
export const amountMicro = z.number().int().min(1).max(amountMicroMax);

/** The name of an operation: `text.summarize`. */
export const operationName = z
  .string()
  .max(100)
  .regex(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/, 'expected a dotted name such as text.summarize');

/** RFC 3339 UTC time with milliseconds, as Starling writes it; any offset is read. */
export const time = z
  .string()
  .max(40)
  .refine((text) => readTime(text) !== null, { message: 'expected a time as RFC 3339 writes it' })
  .meta({ format: 'date-time' });

/** W3C Trace Context `traceparent`, version 00. */
export const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** How private a piece of work is, loosest first. An executor may do what is at most as private as its own class. */
export const PRIVACY_CLASSES = ['public', 'internal', 'confidential', 'device-only'] as const;
export type PrivacyClass = (typeof PRIVACY_CLASSES)[number];

export const EXECUTOR_KINDS = ['device', 'cloud'] as const;
export type ExecutorKind = (typeof EXECUTOR_KINDS)[number];
