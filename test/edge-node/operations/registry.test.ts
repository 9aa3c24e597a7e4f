import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { leaseMsMax, leaseMsMin, taskResultBytesMax } from '../../../core/limits.ts';
import { operations } from '../../../edge-node/src/operations/index.ts';
import { outputBytesMax } from '../../../edge-node/src/operations/limits.ts';

describe('the registry', () => {
  test('every operation has a name of its own', () => {
    expect(operations.map(({ name }) => name)).toEqual([
      'code.check',
      'code.locate',
      'code.outline',
      'fs.read',
      'report.assemble',
      'text.keywords',
      'text.summarize',
    ]);
  });

  test.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s can be offered',
    (_, operation) => {
      expect(operation.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(operation.summary).toMatch(/^[A-Z].*\.$/);
      expect(Number.isInteger(operation.priceMicro) && operation.priceMicro > 0).toBe(true);
      expect(operation.leaseMs).toBeGreaterThanOrEqual(leaseMsMin);
      expect(operation.leaseMs).toBeLessThanOrEqual(leaseMsMax);
      for (const schema of [z.toJSONSchema(operation.input, { io: 'input' }), z.toJSONSchema(operation.output)]) {
        expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
      }
    },
  );

  test.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s refuses what it does not know',
    (_, operation) => {
      for (const input of [null, [], 'x', {}, { path: 'a', sections: [], title: 'a', text: 'a', nonsense: 1 }]) {
        expect(operation.input.safeParse(input).success).toBe(false);
      }
    },
  );

  test('a result that is as large as allowed still fits into the journal', () => {
    expect(outputBytesMax).toBeLessThan(taskResultBytesMax);
  });
});
