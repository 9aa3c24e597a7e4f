// Posts one request of spans to the collector and says what it came to (OTLP 1.10, "OTLP/HTTP Response"). When to try again
// is the swarm's to decide. Nothing of the answer is kept but its status, its wish to wait, and how many spans it rejects.

import { traceAnswerMsMax } from '../../core/limits.ts';
import type { ExportOutcome } from '../../core/traces/port.ts';
import { readStart } from '../read-start.ts';
import { readRetryAfter } from '../webhooks/send.ts';
import type { TraceSettings } from './settings.ts';

export interface ExportDeps {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** An answer is read so far, in bytes: a partial success is a number and a sentence. */
export const answerBytesRead = 64 * 1024;
/** The statuses after which a request may be sent again, and no others. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends once. Never throws for what a collector or the network does. */
export async function exportSpans(
  body: string,
  settings: TraceSettings,
  { fetch, now }: ExportDeps,
): Promise<ExportOutcome> {
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), traceAnswerMsMax);
  try {
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: { ...settings.headers, 'content-type': 'application/json', 'user-agent': 'Starling-OTLP/1.0' },
      body,
      // A collector does not move; a header with a key must not follow anybody.
      redirect: 'manual',
      signal: timer.signal,
    });
    return await judge(response, now());
  } catch {
    // The platform's error may quote the URL, so only its kind is kept.
    return { outcome: 'retry', error: timer.signal.aborted ? 'timed_out' : 'connection_failed' };
  } finally {
    clearTimeout(timeout);
  }
}

async function judge(response: Response, now: number): Promise<ExportOutcome> {
  const { status } = response;
  if (status >= 200 && status < 300) return { outcome: 'taken', rejected: await readRejected(response) };
  // Not awaited: how it goes on changes nothing.
  response.body?.cancel().catch(() => undefined);
  if (RETRYABLE.has(status)) {
    const retryAfterMs = readRetryAfter(response.headers.get('retry-after'), now);
    return { outcome: 'retry', error: 'answered_busy', status, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
  }
  // Cloudflare and the local way out say so when nobody answers there.
  if (status >= 520 && status <= 530) return { outcome: 'retry', error: 'connection_failed', status };
  return { outcome: 'refused', error: status >= 300 && status < 400 ? 'redirected' : 'answered_error', status };
}

/** How many spans a partial success leaves out; 0 for an answer that says nothing of it. */
async function readRejected(response: Response): Promise<number> {
  const text = new TextDecoder().decode(await readStart(response, answerBytesRead));
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } };
    // An int64 of protobuf's JSON: a text, or a number.
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
