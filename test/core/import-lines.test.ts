import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineSplitter } from '../../core/imports/lines.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { chain, GENESIS } from '../../core/journal/event.ts';
import { eventLine, exportHeader, readEventLine, readExportHeader } from '../../core/journal/export-lines.ts';
import { canonical } from '../../core/json.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';

const origin = 'tnt_a/swm_a';
const pair = newSigningKey();

function signed(over: Partial<SignedCheckpoint> = {}): SignedCheckpoint {
  const checkpoint = { origin, size: 3, head: 'a'.repeat(64), root: 'b'.repeat(64), at: 1, ...over };
  return signCheckpoint(checkpoint, pair.privateKey, pair.publicKey);
}

const text = fc.string({ unit: 'binary', maxLength: 30 });
const anEvent = fc
  .record({
    seq: fc.integer({ min: 1, max: 2 ** 40 }),
    at: fc.integer({ min: 0, max: 2 ** 42 }),
    actor: text,
    command: text,
    subject: text,
    trace: fc.option(text, { nil: null }),
    body: fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }),
  })
  .map(({ seq, subject, body, ...context }) =>
    chain(origin, GENESIS, seq, { type: 'task.requested', subject, body: canonical(body) }, context),
  );

describe('lines of an export', () => {
  test('[EXPORT-1] a line is the CloudEvent of its event, whatever stands in it, and is read back to the same event', () => {
    fc.assert(
      fc.property(anEvent, (event) => {
        const line = eventLine(origin, event);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(toCloudEvent(origin, event))));
        expect(line).not.toContain('\n');
        expect(readEventLine(origin, line)).toEqual(event);
        expect(readEventLine('tnt_a/swm_b', line)).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  test('[EXPORT-2] a line has one spelling', () => {
    fc.assert(
      fc.property(anEvent, fc.nat(), fc.constantFrom(' ', '0', '\t', '\\', '"', ','), (event, place, added) => {
        const line = eventLine(origin, event);
        const at = place % (line.length + 1);
        const other = readEventLine(origin, line.slice(0, at) + added + line.slice(at));
        // What was added may stand in a text: then it is another event, under a hash that is not its own.
        expect(other === null || eventLine(origin, other) === line.slice(0, at) + added + line.slice(at)).toBe(true);
        expect(other).not.toEqual(event);
      }),
      { numRuns: 1_000 },
    );
  });

  test('[EXPORT-3] the first line is read when its signature holds, and has one spelling too', () => {
    const line = exportHeader(signed());
    expect(readExportHeader(line)).toEqual(signed());
    for (const other of [
      ` ${line}`,
      `${line} `,
      line.replace('"version":1', '"version":2'),
      line.replace('tnt_a/swm_a', 'tnt_b/swm_a'),
      line.replace('"size":3', '"size":4'),
      line.replace('}}', ',"more":1}}'),
      JSON.stringify({ ...JSON.parse(line), more: 1 }),
      '',
      'null',
      '[]',
      '{}',
      '{"starling":"export","version":1}',
    ]) {
      expect(readExportHeader(other), other).toBeNull();
    }
    for (const over of [{ size: 0 }, { head: 'x' }, { root: 'A'.repeat(64) }]) {
      expect(readExportHeader(exportHeader(signed(over)))).toBeNull();
    }
    for (const over of [{ signature: '' }, { publicKey: 'AA' }, { publicKey: `${pair.publicKey}=` }]) {
      expect(readExportHeader(exportHeader({ ...signed(), ...over }))).toBeNull();
    }
  });
});

describe('bytes as lines', () => {
  test('[EXPORT-4] pieces of any size give the same lines', () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }).filter((line) => !line.includes('\n')));
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (all, sizes) => {
        const bytes = Buffer.from(all.map((line) => `${line}\n`).join(''));
        const splitter = lineSplitter(1_000);
        const found: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          const { lines: split, fault } = splitter.push(bytes.subarray(at, at + size));
          expect(fault).toBeNull();
          found.push(...split);
          at += size;
        }
        expect(found).toEqual(all);
        expect(splitter.pending()).toBe(0);
      }),
    );
  });

  test('[EXPORT-5] a line of the limit passes, and one byte more does not, whether it ends or not', () => {
    const push = (...pieces: string[]) => {
      const splitter = lineSplitter(10);
      return pieces.map((piece) => splitter.push(Buffer.from(piece)));
    };
    expect(push('0123456789\n')).toEqual([{ lines: ['0123456789'], fault: null }]);
    expect(push('ok\n01234567890\n')).toEqual([{ lines: ['ok'], fault: 'line_too_long' }]);
    expect(push('ok\n012345', '67890').at(-1)).toEqual({ lines: [], fault: 'line_too_long' });
    expect(push('012345', '67890\n').at(-1)).toEqual({ lines: [], fault: 'line_too_long' });
  });

  test('[EXPORT-2] bytes that are no UTF-8 are no line, and a mark in front is a part of it', () => {
    const splitter = lineSplitter(10);
    expect(splitter.push(Uint8Array.of(0x61, 0x0a, 0xc3, 0x28, 0x0a))).toEqual({ lines: ['a'], fault: 'not_utf8' });
    expect(lineSplitter(10).push(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x0a)).lines).toEqual(['\ufeffa']);
  });
});
