// Reading from standard input: everything that a pipe brings, or a secret that a person types unseen.

import type { ReadStream, WriteStream } from 'node:tty';

/** All of a stream as text; null when it is longer than `bytesMax`. */
export async function readAll(stream: AsyncIterable<unknown>, bytesMax: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += part.length;
    if (bytes > bytesMax) return null;
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Resolves when the stream has ended or broken. What it brings is thrown away. */
export function untilEnd(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
    stream.resume();
  });
}

const secretCharsMax = 1_000;

/** Asks on a terminal without echo; null when standard input is none, or the person gives up (Ctrl-C, Ctrl-D). */
export async function askSecret(
  prompt: string,
  input: ReadStream,
  output: Pick<WriteStream, 'write'>,
): Promise<string | null> {
  if (!input.isTTY) return null;
  output.write(prompt);
  input.setRawMode(true);
  input.resume();
  let text = '';
  try {
    for await (const chunk of input) {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n') return text;
        if (char === '\u0003' || char === '\u0004') return null;
        if (char === '\u007f' || char === '\b') text = [...text].slice(0, -1).join('');
        else if (char >= ' ' && text.length < secretCharsMax) text += char;
      }
    }
    return null;
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write('\n');
  }
}
