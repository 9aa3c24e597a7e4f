// Where the local Worker's outgoing requests leave the machine. Looks names up, refuses what is not the public Internet,
// and connects to the very address it checked, so that a name cannot lead elsewhere in between (DNS rebinding).
// Cloudflare's network does this in production; here it is ours to do. Redirects come back through this door, one by one.

import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { URL } from 'node:url';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { type Request, Response } from 'miniflare';
import { isPrivateAddress, isPrivateHost } from '../core/webhooks/address.ts';
import { answerBytesRead, answerMsMax, webhookAgent } from '../functions/webhooks/send.ts';

/** Set on our own answers when an address was refused; taken off everything that comes from outside. */
export const REFUSED_HEADER = 'starling-outbound-refused';
/** Set on our own answers when nothing answered: the system's code, such as `ECONNREFUSED`. */
export const FAILED_HEADER = 'starling-outbound-failed';

export interface OutboundOptions {
  /** True lets private addresses through: for receivers and models on the same machine or network. */
  readonly allowPrivate: boolean;
  /** One address that may be private all the same: whoever runs the platform has named it, and tenants cannot. */
  readonly allowed?: string;
  /** Where names lead; the system's resolver unless a test brings its own. */
  readonly lookup?: Lookup;
}

type Lookup = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Sockets at once: enough for a busy swarm, few enough to stay clear of the file limit. */
const socketsMax = 256;
const socketsPerHostMax = 32;
/** The first byte of an answer may take so long (a slow model), and so may the pause between two parts of it. */
const idleMsMax = 120_000;

/**
 * A receiver of webhooks is anybody. Whoever called it has gone after `answerMsMax`, and nobody here is told: so its answer is
 * read before it is passed on, no further than anybody looks, and its socket is closed whatever it still sends.
 */
const receiverMsMax = answerMsMax + 1_000;
/** The body may take so long once the status has come, and is passed on before whoever called goes. */
const receiverBodyMsMax = 2_000;
const passedOnMsMax = answerMsMax - 1_000;

/** The largest thing that is sent is an object of the archive, of 24 MiB. */
const sentBytesMax = 32 * 1024 * 1024;

/** Headers that belong to one hop, or that the local runtime added. */
const HOP_HEADERS = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'accept-encoding',
  'cf-connecting-ip',
  'cf-worker',
]);

/** Makes the handler for Miniflare's `outboundService`: one request in, the world's answer out. It never throws. */
export function outboundHandler(options: OutboundOptions): (request: Request) => Promise<Response> {
  const settings = {
    keepAlive: true,
    maxSockets: socketsPerHostMax,
    maxTotalSockets: socketsMax,
    lookup: checkedLookup(options),
  };
  const agents = { 'http:': new PlainAgent(settings), 'https:': new SecureAgent(settings) };
  const allowed =
    options.allowed === undefined ? null : outboundHandler({ ...withoutAllowed(options), allowPrivate: true });
  return async (request) => {
    if (allowed !== null && request.url === options.allowed) return allowed(request);
    const url = new URL(request.url);
    if (request.headers.get('upgrade') !== null) return failed('UPGRADE_UNSUPPORTED');
    // A literal address is not looked up, so it is checked here; a name is, when it is connected to.
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (!options.allowPrivate && (isIP(host) ? isPrivateAddress(host) : isPrivateHost(host))) return refused();
    const isWebhook = request.headers.get('user-agent') === webhookAgent;
    const until = performance.now() + passedOnMsMax;
    try {
      const incoming = await send(request, url, agents, isWebhook ? receiverMsMax : null);
      return isWebhook ? await respondStart(incoming, until) : respond(incoming);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
      return code === PRIVATE_CODE ? refused() : failed(code);
    }
  };
}

function withoutAllowed({ allowed: _, ...options }: OutboundOptions): OutboundOptions {
  return options;
}

const PRIVATE_CODE = 'EPRIVATE';

/** Looks a name up, refuses it when any of its addresses is private, and gives the connection those it checked. */
function checkedLookup({ allowPrivate, lookup = systemLookup }: OutboundOptions): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || first === undefined) return callback(error ?? coded('ENOTFOUND'), '');
      if (!allowPrivate && addresses.some(({ address }) => isPrivateAddress(address))) {
        return callback(coded(PRIVATE_CODE), '');
      }
      if (options.all) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

function coded(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

async function send(
  request: Request,
  url: URL,
  agents: { 'http:': PlainAgent; 'https:': SecureAgent },
  msMax: number | null,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  const headers: Record<string, string | string[]> = { 'accept-encoding': 'identity' };
  for (const [name, value] of request.headers) {
    if (!HOP_HEADERS.has(name) && !name.startsWith('mf-')) headers[name] = value;
  }
  // Read whole before anything is sent: a stream of the runtime's that is given up half-way, because nobody answers or somebody
  // stops listening, ends the process that it comes through.
  const body = request.body === null ? null : await bytesOf(request.body as ReadableStream<Uint8Array>);
  return new Promise((done, broke) => {
    const outgoing = (isSecure ? secureRequest : plainRequest)(
      url,
      { method: request.method, headers, agent: isSecure ? agents['https:'] : agents['http:'], timeout: idleMsMax },
      done,
    );
    outgoing.once('timeout', () => outgoing.destroy(coded('ETIMEDOUT')));
    const timer = msMax === null ? undefined : setTimeout(() => outgoing.destroy(coded('ETIMEDOUT')), msMax);
    outgoing.once('response', () => clearTimeout(timer));
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.once('error', broke);
    outgoing.once('upgrade', () => outgoing.destroy(coded('UPGRADE_UNSUPPORTED')));
    outgoing.end(body ?? undefined);
  });
}

/** The stream is the web's, as Node's own: the two declarations differ in name only. @throws when there is too much */
async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.byteLength;
    // What is too large is not sent; the rest is read, so that the stream comes to its end.
    if (length <= sentBytesMax) parts.push(part);
  }
  if (length > sentBytesMax) throw coded('EMSGSIZE');
  return Buffer.concat(parts);
}

/** Statuses that never have a body (Fetch standard). */
const BODILESS = new Set([204, 205, 304]);

function respond(incoming: IncomingMessage): Response {
  const { status, headers } = headOf(incoming);
  const plain = decoded(incoming, headers);
  const isBodiless = BODILESS.has(status);
  if (isBodiless) incoming.resume();
  const body = isBodiless ? null : Readable.toWeb(plain);
  // Two declarations of the same web stream again.
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, headers: [...headers] });
}

/** An answer with the beginning of its body, as far as it comes in time. The rest is left, and the socket with it. */
async function respondStart(incoming: IncomingMessage, until: number): Promise<Response> {
  const { status, headers } = headOf(incoming);
  const parts: Buffer[] = [];
  const plain = decoded(incoming, headers);
  const msLeft = Math.max(0, Math.min(receiverBodyMsMax, until - performance.now()));
  const timer = setTimeout(() => plain.destroy(), msLeft);
  try {
    let length = 0;
    for await (const part of plain as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (length >= answerBytesRead) break;
    }
  } catch {
    // The status has come, and it decides.
  } finally {
    clearTimeout(timer);
    if (!incoming.complete) incoming.destroy();
  }
  // It was so long as its sender said, and is not any more.
  headers.delete('content-length');
  const body = BODILESS.has(status) ? null : Buffer.concat(parts).subarray(0, answerBytesRead);
  return new Response(body, { status, headers: [...headers] });
}

function headOf(incoming: IncomingMessage): { readonly status: number; readonly headers: Headers } {
  const status = incoming.statusCode ?? 0;
  if (status < 200 || status > 599) {
    // Nobody will read its body.
    incoming.destroy();
    throw coded('BAD_STATUS');
  }
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    if (HOP_HEADERS.has(name) || name === REFUSED_HEADER || name === FAILED_HEADER) continue;
    for (const value of values ?? []) headers.append(name, value);
  }
  return { status, headers };
}

/** We ask for plain bodies; a server that compresses all the same is unpacked here, as Miniflare would pack it again. */
function decoded(incoming: IncomingMessage, headers: Headers): Readable {
  const encoding = headers.get('content-encoding')?.toLowerCase();
  const decoders = {
    gzip: createGunzip,
    'x-gzip': createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
    zstd: createZstdDecompress,
  };
  const decoder = Object.entries(decoders).find(([name]) => name === encoding)?.[1]();
  if (decoder === undefined || incoming.statusCode === 304) return incoming;
  headers.delete('content-encoding');
  headers.delete('content-length');
  // An error in either reaches the reader of the last stream.
  pipeline(incoming, decoder, () => {});
  return decoder;
}

/** As Cloudflare refuses such addresses: a status, not an exception. */
function refused(): Response {
  return new Response('address refused', { status: 403, headers: { [REFUSED_HEADER]: 'private_address' } });
}

/** Cloudflare's own statuses when no origin answers: 530 no such name, 522 too slow, 521 down, 526 bad certificate. */
function failed(code: string): Response {
  const status =
    code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 530 : code === 'ETIMEDOUT' ? 522 : code.includes('CERT') ? 526 : 521;
  return new Response('no answer', { status, headers: { [FAILED_HEADER]: code } });
}
