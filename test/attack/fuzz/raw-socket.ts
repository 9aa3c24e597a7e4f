// A WebSocket as bytes: frames are sent as they stand, masked or not, whole or not, and what comes is read as text frames.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface SocketEnd {
  /** Of the close frame; null when the connection ended without one. */
  readonly code: number | null;
}

export interface RawSocket {
  /** The next text, or how it ended; null when there is nothing for so long. */
  next(ms: number): Promise<string | SocketEnd | null>;
  /** @param first the first byte: whether it is the last piece, and of what kind */
  send(payload: Uint8Array, first?: number, isMasked?: boolean): void;
  sendBytes(bytes: Uint8Array): void;
  close(): void;
}

export const TEXT = 0x81;

/** Opens one, or says the status of the answer that it got in place of it. */
export function openRawSocket(url: string, headers: readonly string[]): Promise<RawSocket | number> {
  const { hostname, port, host, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString('base64');
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13'];
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${[...lines, ...headers].join('\r\n')}\r\n\r\n`);
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    socket.once('error', reject);
    socket.once('close', () => resolve(0));
    socket.on('data', function take(chunk: Buffer) {
      held = Buffer.concat([held, chunk]);
      const end = held.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', take);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(held.toString('latin1'))?.[1] ?? 0);
      if (status === 101) resolve(framed(socket, held.subarray(end + 4)));
      else {
        socket.destroy();
        resolve(status);
      }
    });
  });
}

function framed(socket: Socket, rest: Buffer): RawSocket {
  let held: Buffer = rest;
  const queue: (string | SocketEnd)[] = [];
  let wake: () => void = () => {};
  const put = (one: string | SocketEnd): void => {
    queue.push(one);
    wake();
  };
  const read = (): void => {
    for (let frame = takeFrame(held); frame !== null; frame = takeFrame(held)) {
      held = held.subarray(frame.bytes);
      if (frame.kind === 8) put({ code: frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005 });
      else if (frame.kind === 1) put(frame.payload.toString('utf8'));
    }
  };
  socket.removeAllListeners('close');
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    read();
  });
  socket.on('close', () => put({ code: null }));
  read();
  const write = (bytes: Uint8Array): void => {
    if (!socket.destroyed) socket.write(bytes);
  };
  return {
    async next(ms) {
      const until = performance.now() + ms;
      while (queue.length === 0) {
        const left = until - performance.now();
        if (left <= 0) return null;
        await new Promise<void>((done) => {
          const timer = setTimeout(done, left);
          wake = () => {
            clearTimeout(timer);
            done();
          };
        });
      }
      return queue.shift() ?? null;
    },
    send: (payload, first = TEXT, isMasked = true) => write(frameOf(payload, first, isMasked)),
    sendBytes: write,
    close: () => socket.destroy(),
  };
}

function takeFrame(held: Buffer): { kind: number; payload: Buffer; bytes: number } | null {
  if (held.length < 2) return null;
  const short = (held[1] ?? 0) & 0x7f;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (held.length < head) return null;
  const length = short === 126 ? held.readUInt16BE(2) : short === 127 ? Number(held.readBigUInt64BE(2)) : short;
  if (held.length < head + length) return null;
  return { kind: (held[0] ?? 0) & 0x0f, payload: held.subarray(head, head + length), bytes: head + length };
}

function frameOf(payload: Uint8Array, first: number, isMasked: boolean): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = first;
  head[1] = (isMasked ? 0x80 : 0) | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (length >= 65_536) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) head.writeUInt16BE(length, 2);
  // A mask of zeros is a mask.
  return isMasked ? Buffer.concat([head, Buffer.alloc(4), payload]) : Buffer.concat([head, payload]);
}
