// Where traces go: `STARLING_OTLP_ENDPOINT`, and `STARLING_OTLP_HEADERS` for whoever asks who we are. Reads the texts that the
// entry gives it; what is wrong is said by the setting's name, never by its value.

import { err, ok, type Result } from '../../core/result.ts';

/** Texts of the environment. */
export interface TraceEnv {
  /** The collector's address; traces are off without it. */
  readonly STARLING_OTLP_ENDPOINT?: string;
  /** `name=value`, separated by commas, values percent-encoded: as OpenTelemetry writes its own setting. */
  readonly STARLING_OTLP_HEADERS?: string;
}

export interface TraceSettings {
  /** The whole URL that requests are posted to. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** OTLP/HTTP: the path of traces below an endpoint. */
const TRACES_PATH = '/v1/traces';
const headersMax = 20;
/** Names that are ours to set. */
const OURS = new Set(['content-type', 'content-length', 'content-encoding', 'host', 'user-agent']);

/** What the environment says; null when traces are off. */
export function readTraceSettings(env: TraceEnv): Result<TraceSettings | null, { readonly setting: string }> {
  const { STARLING_OTLP_ENDPOINT, STARLING_OTLP_HEADERS = '' } = env;
  const endpoint = STARLING_OTLP_ENDPOINT?.trim();
  if (!endpoint) return ok(null);
  const url = URL.parse(endpoint);
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (!isAddress || url.hash !== '') return err({ setting: 'STARLING_OTLP_ENDPOINT' });
  if (!url.pathname.endsWith(TRACES_PATH)) url.pathname = `${url.pathname.replace(/\/+$/, '')}${TRACES_PATH}`;
  const headers = readHeaders(STARLING_OTLP_HEADERS);
  return headers === null ? err({ setting: 'STARLING_OTLP_HEADERS' }) : ok({ url: url.href, headers });
}

function readHeaders(text: string): Record<string, string> | null {
  const headers: Record<string, string> = {};
  const parts = text.split(',').filter((part) => part.trim() !== '');
  if (parts.length > headersMax) return null;
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const value = decoded(part.slice(equals + 1).trim());
    if (equals < 1 || value === null || OURS.has(name) || !isHeader(name, value)) return null;
    headers[name] = value;
  }
  return headers;
}

/** RFC 9110: a token, and visible characters. */
function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value);
}

function decoded(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}
