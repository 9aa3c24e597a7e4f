// fs.read: a piece of a granted file, as text or as bytes. It reads regular files only, and never writes.

import { z } from 'zod';
import { jsonBytes } from './json-budget.ts';
import { outputBytesMax, pathLengthMax, readBytesMax } from './limits.ts';
import { defineOperation, OperationFailure } from './operation.ts';
import { openGranted, readRange } from './source/source-files.ts';

/** The result of `fs.read`. */
export const readSchema = z.strictObject({
  path: z.string().describe('the path asked for'),
  encoding: z.enum(['utf8', 'base64']).describe('how content is written'),
  content: z.string(),
  binary: z.boolean().describe('whether the piece holds bytes that are not text'),
  offset: z.int().nonnegative(),
  bytes: z.int().nonnegative().describe('how many bytes of the file content stands for'),
  size: z.int().nonnegative().describe('of the whole file, in bytes'),
  nextOffset: z.int().positive().nullable().describe('where to read on, or null at the end'),
});

type Read = z.infer<typeof readSchema>;

/** `fs.read`: up to 256 kB of a granted file from an offset. */
export const fsRead = defineOperation({
  name: 'fs.read',
  version: '1.0.0',
  summary:
    'Reads up to 256 kB of a file in a granted folder, as UTF-8 text or base64; fewer when the result would be large.',
  input: z.strictObject({
    path: z.string().min(1).max(pathLengthMax).describe('a granted file'),
    encoding: z
      .enum(['utf8', 'base64'])
      .optional()
      .describe('when it is not said: utf8 for text, base64 for anything else'),
    offset: z.int().nonnegative().optional().describe('in bytes; 0 unless said'),
    limit: z
      .int()
      .min(1)
      .max(readBytesMax)
      .optional()
      .describe('in bytes; 262144 unless said; fewer are read when the result would be over 200 kB'),
  }),
  output: readSchema,
  priceMicro: 100,
  leaseMs: 15_000,
  async run(input, context): Promise<Read> {
    context.signal.throwIfAborted();
    const offset = input.offset ?? 0;
    await using file = await openGranted(input.path, context);
    const { size } = await file.stat();
    if (offset > size) throw new OperationFailure('offset_beyond_end', `the file has ${size} bytes`);
    const bytes = await readRange(file, offset, Math.min(input.limit ?? readBytesMax, size - offset));
    context.progress(1);
    const room = outputBytesMax - jsonBytes(input.path) - summaryBytes;
    const text = textOf(bytes, offset + bytes.length < size);
    if (text === null && input.encoding === 'utf8') {
      throw new OperationFailure('not_text', 'this piece of the file is not UTF-8 text; ask for base64');
    }
    const piece = text === null || input.encoding === 'base64' ? fittingBytes(bytes, room) : fittingText(text, room);
    const next = offset + piece.bytes;
    const ends = next >= size || piece.bytes === 0;
    return { path: input.path, ...piece, binary: text === null, offset, size, nextOffset: ends ? null : next };
  },
});

/** Room for everything beside the content and the path. */
const summaryBytes = 300;

type Piece = Pick<Read, 'encoding' | 'content' | 'bytes'>;

function fittingBytes(bytes: Uint8Array, room: number): Piece {
  // Base64 writes three bytes with four signs.
  const part = bytes.subarray(0, Math.floor(room / 4) * 3);
  return { encoding: 'base64', content: Buffer.from(part).toString('base64'), bytes: part.length };
}

/** The start of a text whose JSON fits: line breaks and quotes take two bytes there, control signs six. */
function fittingText(text: Uint8Array, room: number): Piece {
  let part = text;
  for (;;) {
    const content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part);
    const bytes = jsonBytes(content);
    if (bytes <= room) return { encoding: 'utf8', content, bytes: part.length };
    const shorter = text.subarray(0, Math.floor((part.length * room) / bytes) - 1);
    part = shorter.subarray(0, wholeCharacters(shorter));
  }
}

/** The bytes that are text, up to the last whole character when the file goes on; null when they are not text. */
function textOf(bytes: Uint8Array, goesOn: boolean): Uint8Array | null {
  // A file with a zero byte is binary by the rule that git and grep use.
  if (bytes.includes(0)) return null;
  const whole = goesOn ? bytes.subarray(0, wholeCharacters(bytes)) : bytes;
  if (whole.length === 0 && bytes.length > 0) return null;
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(whole);
    return whole;
  } catch {
    return null; // Not UTF-8, or the offset stands inside a character: either way these bytes are no text.
  }
}

/** How many bytes at the start end with a whole character of UTF-8. */
function wholeCharacters(bytes: Uint8Array): number {
  // A character has at most four bytes: its first byte is one of the last four.
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
