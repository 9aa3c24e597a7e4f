// Outbound webhooks: where a tenant wants to hear of events, and of which. What is sent is Standard Webhooks 1.0.

import { z } from 'zod';

/** Event patterns of one webhook or trigger. */
export const eventPatternsMax = 50;
/** Longest address of a webhook. */
export const webhookUrlCharsMax = 2_048;

/** An event type (`task.succeeded`), all types under a prefix (`task.*`), or every type (`*`). */
export const eventPattern = z
  .string()
  .max(100)
  .regex(/^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/, 'expected an event type such as task.succeeded, or task.*');

/**
 * The form of an address: http or https, no credentials, no fragment. Whether it is private is asked when it is made
 * and again at each delivery, because a local server may allow what a public one must not.
 */
export const webhookUrl = z
  .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
  .max(webhookUrlCharsMax)
  .refine((text) => isPlainUrl(text), { message: 'a webhook URL has neither credentials nor a fragment' });

/** POST /v1/webhooks */
export const createWebhook = z.strictObject({
  url: webhookUrl,
  events: z.array(eventPattern).min(1).max(eventPatternsMax),
  description: z.string().max(300).optional(),
});
export type CreateWebhook = z.infer<typeof createWebhook>;

/** Whether an event of this type is wanted by one of the patterns. */
export function wantsEvent(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))),
  );
}

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.username === '' && url.password === '' && url.hash === '';
}
