// One WebSocket as the link sees it, over the `ws` package: text in, text out, one end.

import WebSocket from 'ws';
import { frameBytesMax } from '../../../core/limits.ts';
import { HISTORY_SUBPROTOCOL, SUBPROTOCOL } from '../../../core/wire/device.ts';

/** How a connection ended: a close code, or the HTTP status that refused it, and a few words. */
export interface SocketEnd {
  readonly code: number | null;
  readonly status: number | null;
  readonly reason: string;
}

export interface SocketEvents {
  /** @param subprotocol the one that the squad chose; absent: the oldest */
  opened(subprotocol?: string): void;
  /** A text frame; null for anything else. */
  received(text: string | null): void;
  /** Once, whatever happened. */
  ended(end: SocketEnd): void;
}

export interface Socket {
  send(text: string): void;
  /** Says goodbye, and ends at once if the other side does not answer. */
  close(code: number, reason: string): void;
  /** Ends now, without a word: the other side may be gone. */
  terminate(why: string): void;
}

export type OpenSocket = (url: string, credential: string, events: SocketEvents) => Socket;

const goodbyeMsMax = 1_000;
/** What may wait to be sent: two batches, and what goes beside them. A server that takes nothing must not fill our memory. */
const bufferedBytesMax = 8 * 1024 * 1024;
/** Pieces of one message. Ours come in one; each small piece costs more memory than it holds. */
const fragmentsMax = 1_024;

/** Opens a socket to the device's squad. Errors come as `ended`. */
export const openSocket: OpenSocket = (url, credential, events) => {
  const socket = new WebSocket(url, [HISTORY_SUBPROTOCOL, SUBPROTOCOL], {
    headers: { authorization: `Bearer ${credential}` },
    maxPayload: frameBytesMax,
    maxFragments: fragmentsMax,
    autoPong: false,
    perMessageDeflate: false,
    followRedirects: false,
  });
  let status: number | null = null;
  let failure = '';
  let done = false;
  const end = (code: number | null, reason: string) => {
    if (done) return;
    done = true;
    events.ended({ code, status, reason });
  };
  socket.on('open', () => events.opened(socket.protocol));
  socket.on('message', (data, isBinary) => events.received(isBinary ? null : data.toString()));
  // An answer to each only while they are taken: a flood that is never read would wait here.
  socket.on('ping', (data) => {
    if (socket.bufferedAmount === 0) socket.pong(data);
  });
  socket.on('unexpected-response', (request, response) => {
    status = response.statusCode ?? null;
    response.resume();
    request.destroy();
    end(null, `the server answered ${status}`);
  });
  // 'close' always follows; the words of the error say more than its code 1006.
  socket.on('error', (error) => {
    failure = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  });
  socket.on('close', (code, reason) => end(code, reason.length > 0 ? reason.toString() : failure));
  return {
    send: (text) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > bufferedBytesMax) {
        socket.terminate();
        end(null, 'the server does not take what it is sent');
      } else socket.send(text);
    },
    close: (code, reason) => {
      socket.close(code, reason);
      // `ws` waits half a minute for the answer; the process must not.
      setTimeout(() => socket.terminate(), goodbyeMsMax).unref();
    },
    terminate: (why) => {
      socket.terminate();
      end(null, why);
    },
  };
};
