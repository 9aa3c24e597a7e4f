// Sends one attempt of one outgoing webhook and says what it came to. When to try again is core/webhooks/schedule.ts;
// who keeps the log is the swarm. Nothing of a receiver's answer is trusted but its status and its wish to wait.

import { isPrivateAddress, isPrivateHost } from '../../core/webhooks/address.ts';
import { retryAfterMsMax } from '../../core/webhooks/schedule.ts';
import { readStart } from '../read-start.ts';
import { signDelivery } from './sign.ts';

/** The specification recommends 15 to 30 s for an answer. */
export const answerMsMax = 15_000;
/** An answer is read so far, and kept so far, in bytes. */
export const answerBytesRead = 4_096;
export const answerBytesKept = 1_024;
/** How a receiver knows who calls. */
export const webhookAgent = 'Starling-Webhooks/1.0';
/** A body above this is not sent: events are far smaller, and receivers refuse more. */
export const deliveryBytesMax = 1_024 * 1_024;

export interface DeliveryToSend {
  readonly url: string;
  /** Names the event, the same for every attempt. */
  readonly id: string;
  /** JSON text. */
  readonly body: string;
  /** `whsec_…`, newest first. */
  readonly secrets: readonly string[];
  /** `whsk_…` */
  readonly publicSigner?: string | undefined;
  /** 1 for the first; receivers see it as `starling-attempt`. */
  readonly attempt: number;
}

export interface SendDeps {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Lets a local server send to itself. Never set on a public one. */
  readonly allowPrivate: boolean;
  /** The addresses of a name, where the platform shows them: each is checked as the URL's host is. */
  resolve?(host: string): Promise<readonly string[]>;
}

/** Why an attempt did not deliver. A code, never a text from outside: a URL may hold a token. */
export type DeliveryError =
  | 'url_invalid'
  | 'address_private'
  | 'body_too_large'
  | 'name_unresolved'
  | 'timed_out'
  | 'connection_failed'
  | 'redirected'
  | 'answered_gone'
  | 'answered_error';

/**
 * `delivered`: a 2xx. `retry`: try again by the schedule. `disabled`: the receiver is gone for good (410).
 * `refused`: not sent, and another try would not be either.
 */
export interface DeliveryOutcome {
  readonly outcome: 'delivered' | 'retry' | 'disabled' | 'refused';
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly error?: DeliveryError;
  /** The beginning of the answer's text, for the delivery log. */
  readonly answer?: string;
}

/** Whether a webhook may be sent to this address; asked when one is made, and before every attempt. */
export function checkTarget(url: string, allowPrivate: boolean): 'url_invalid' | 'address_private' | null {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return 'url_invalid';
  if (parsed.username !== '' || parsed.password !== '' || parsed.hash !== '') return 'url_invalid';
  return !allowPrivate && isPrivateHost(parsed.hostname) ? 'address_private' : null;
}

/** Makes one attempt. Never throws for what a receiver or the network does. */
export async function sendDelivery(delivery: DeliveryToSend, deps: SendDeps): Promise<DeliveryOutcome> {
  const problem = checkTarget(delivery.url, deps.allowPrivate);
  if (problem) return { outcome: 'refused', error: problem };
  if (Buffer.byteLength(delivery.body) > deliveryBytesMax) return { outcome: 'refused', error: 'body_too_large' };
  const unsafe = deps.allowPrivate || !deps.resolve ? null : await checkName(delivery.url, deps.resolve);
  if (unsafe) return unsafe;
  const timer = new AbortController();
  // Made outside the try: a secret of ours that is not well formed is a defect, not a failed connection.
  const request = requestOf(delivery, deps.now(), timer.signal);
  const timeout = setTimeout(() => timer.abort(), answerMsMax);
  try {
    const response = await deps.fetch(delivery.url, request);
    const answer = await readAnswer(response);
    return { ...judge(response, deps.now()), ...(answer === '' ? {} : { answer }) };
  } catch {
    // The platform's error may quote the URL, so only its kind is kept.
    return { outcome: 'retry', error: timer.signal.aborted ? 'timed_out' : 'connection_failed' };
  } finally {
    clearTimeout(timeout);
  }
}

function requestOf(delivery: DeliveryToSend, at: number, signal: AbortSignal): RequestInit {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': webhookAgent,
      'starling-attempt': String(delivery.attempt),
      ...signDelivery({ ...delivery, at }),
    },
    body: delivery.body,
    redirect: 'manual',
    signal,
  };
}

async function checkName(url: string, resolve: NonNullable<SendDeps['resolve']>): Promise<DeliveryOutcome | null> {
  const host = new URL(url).hostname;
  // A literal address was checked with the URL; there is nothing to look up.
  if (host.startsWith('[') || /^[\d.]+$/.test(host)) return null;
  try {
    const addresses = await resolve(host);
    if (addresses.some(isPrivateAddress)) return { outcome: 'refused', error: 'address_private' };
    return addresses.length > 0 ? null : { outcome: 'retry', error: 'name_unresolved' };
  } catch {
    return { outcome: 'retry', error: 'name_unresolved' };
  }
}

/** How the platform's way out says that it refused an address after looking the name up (local/outbound.ts). */
const OUTBOUND_REFUSED = 'starling-outbound-refused';

function judge(response: Response, now: number): DeliveryOutcome {
  const { status } = response;
  // Nothing was sent. A receiver that says so of itself harms nobody but itself.
  if (response.headers.has(OUTBOUND_REFUSED)) return { outcome: 'refused', error: 'address_private' };
  if (status >= 200 && status < 300) return { outcome: 'delivered', status };
  if (status === 410) return { outcome: 'disabled', status, error: 'answered_gone' };
  const retryAfterMs = readRetryAfter(response.headers.get('retry-after'), now);
  return {
    outcome: 'retry',
    status,
    error: status >= 300 && status < 400 ? 'redirected' : 'answered_error',
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

/**
 * `Retry-After` (RFC 9110 10.2.3), in seconds or as an HTTP date, as milliseconds from now; capped, and null when there
 * is none, it cannot be read, or it has passed.
 */
export function readRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  // Date.parse reads far more than HTTP dates; only the three forms of RFC 9110 begin with a day's name.
  const ms = /^\d{1,10}$/.test(text)
    ? Number(text) * 1_000
    : /^[A-Z][a-z]{2,8},? /.test(text)
      ? Date.parse(text) - now
      : 0;
  return ms > 0 ? Math.min(ms, retryAfterMsMax) : null;
}

/** The beginning of an answer as it is kept. What comes after is left on the wire. */
async function readAnswer(response: Response): Promise<string> {
  const start = await readStart(response, answerBytesRead);
  // `stream` leaves out a character that the cut went through.
  return new TextDecoder().decode(start.subarray(0, answerBytesKept), { stream: true });
}
