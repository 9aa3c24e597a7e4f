// HTTP as bytes over a socket: a request is sent as it stands, well formed or not, and an answer is read as far as it goes. One
// request at a time on one connection, which is opened again when it was closed.

import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  /** As it stands in the request line; bytes from 0x80 on by their code. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
  /** In pieces, as `Transfer-Encoding: chunked`; true: with a length that is none. */
  readonly chunked?: 'well' | 'badly';
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The beginning of what came, as text. */
  readonly text: string;
}

/** `closed`: the connection ended without an answer. `late`: there was none in time. */
export type Outcome = RawAnswer | 'closed' | 'late';

export interface RawClient {
  send(request: RawRequest): Promise<Outcome>;
  close(): void;
}

const answerMsMax = 60_000;
/** Of an answer that is longer, the rest is read and let go. */
const textBytesMax = 256 * 1024;

export function bytesOf(request: RawRequest, host: string): Buffer {
  const { method, target, headers, body, chunked } = request;
  const lines = [`${method} ${target} HTTP/1.1`];
  if (!headers.some(([name]) => name.toLowerCase() === 'host')) lines.push(`Host: ${host}`);
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const bytes = body ?? new Uint8Array(0);
  if (chunked !== undefined) lines.push('Transfer-Encoding: chunked');
  else if (body !== null) lines.push(`Content-Length: ${bytes.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (chunked === undefined) return Buffer.concat([head, bytes]);
  const length = chunked === 'well' ? bytes.length.toString(16) : `${bytes.length.toString(16)}zz`;
  const piece = bytes.length === 0 ? [] : [Buffer.from(`${length}\r\n`), bytes, Buffer.from('\r\n')];
  return Buffer.concat([head, ...piece, Buffer.from('0\r\n\r\n')]);
}

export function openRawClient(url: string): RawClient {
  const { hostname, port, host } = new URL(url);
  let socket: Socket | null = null;

  return {
    async send(request) {
      const bytes = bytesOf(request, host);
      const isUsed = socket !== null && !socket.destroyed;
      const mine = isUsed && socket !== null ? socket : connect(Number(port), hostname);
      socket = mine;
      const { outcome, isReusable } = await exchange(mine, bytes, request.method);
      if (!isReusable) mine.destroy();
      // The server had ended the connection after the answer before: it has not seen this one.
      return outcome === 'closed' && isUsed ? this.send(request) : outcome;
    },
    close() {
      socket?.destroy();
    },
  };
}

interface Exchanged {
  readonly outcome: Outcome;
  readonly isReusable: boolean;
}

function exchange(socket: Socket, bytes: Buffer, method: string): Promise<Exchanged> {
  const reader = answerReader(method);
  return new Promise((resolve) => {
    const end = (outcome: Outcome, isReusable: boolean): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      resolve({ outcome, isReusable });
    };
    const timer = setTimeout(() => end('late', false), answerMsMax);
    socket.on('data', (chunk: Buffer) => {
      const read = reader.take(chunk);
      if (read !== null) end(read.answer, read.isWhole);
    });
    socket.on('error', () => end(reader.broken(), false));
    socket.on('close', () => end(reader.broken(), false));
    socket.write(bytes);
  });
}

/** Puts an answer together; an endless one is over when its first piece has come. */
function answerReader(method: string) {
  let held: Buffer = Buffer.alloc(0);
  let head: { status: number; headers: Map<string, string> } | null = null;
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let left: number | null = null;

  function keep(bytes: Buffer): void {
    if (keptBytes < textBytesMax) kept.push(bytes);
    keptBytes += bytes.length;
  }
  function answer(): RawAnswer {
    const { status, headers } = head ?? { status: 0, headers: new Map() };
    return { status, headers, text: Buffer.concat(kept).toString('utf8') };
  }
  function readHead(): boolean {
    for (;;) {
      const end = held.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const [first = '', ...lines] = held.subarray(0, end).toString('latin1').split('\r\n');
      held = held.subarray(end + 4);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
      if (status === 100) continue;
      const headers = new Map(
        lines.map((line) => {
          const at = line.indexOf(':');
          return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
        }),
      );
      head = { status, headers };
      return true;
    }
  }
  /** The pieces that are here; true after the last. */
  function readChunks(): boolean {
    for (;;) {
      const end = held.indexOf('\r\n');
      if (end < 0) return false;
      const length = Number.parseInt(held.subarray(0, end).toString('latin1'), 16);
      if (Number.isNaN(length) || held.length < end + 2 + length + 2) return false;
      keep(held.subarray(end + 2, end + 2 + length));
      held = held.subarray(end + 2 + length + 2);
      if (length === 0) return true;
    }
  }

  return {
    take(chunk: Buffer): { answer: RawAnswer; isWhole: boolean } | null {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      if (head === null && !readHead()) return null;
      const { status, headers } = head ?? { status: 0, headers: new Map<string, string>() };
      const isEndless = headers.get('content-type')?.startsWith('text/event-stream') === true;
      if (status === 101 || isEndless) return { answer: answer(), isWhole: false };
      const isWhole = headers.get('connection')?.toLowerCase() !== 'close';
      if (method === 'HEAD' || status === 204 || status === 304) return { answer: answer(), isWhole };
      if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked')
        return readChunks() ? { answer: answer(), isWhole } : null;
      if (!headers.has('content-length')) return null;
      left ??= Number(headers.get('content-length'));
      keep(held);
      left -= held.length;
      held = Buffer.alloc(0);
      return left <= 0 ? { answer: answer(), isWhole } : null;
    },
    /** The connection has ended: what has come is the answer, if it had a head. */
    broken(): Outcome {
      if (head === null) return 'closed';
      keep(held);
      return answer();
    },
  };
}
