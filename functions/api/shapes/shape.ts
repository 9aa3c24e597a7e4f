// A shape: a schema under the name and with the example that the OpenAPI document shows. The schema is that of core/wire;
// nothing is said twice.

import { z } from 'zod';
import type { Json } from '../../../core/json.ts';

/** A named schema. `example` is one value that it accepts; a test says so. */
export interface Shape<S extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly schema: S;
  readonly example: Json;
}

export function shape<S extends z.ZodType>(name: string, schema: S, example: Json): Shape<S> {
  return { name, schema, example };
}

/** A page of a list of such things. */
export function listOf(item: Shape): Shape {
  const schema = z.object({
    data: z.array(item.schema),
    nextCursor: z
      .string()
      .nullable()
      .meta({ description: 'Give this as `cursor` for the next page; null at the end.' }),
  });
  return shape(`${item.name}List`, schema, { data: [item.example], nextCursor: null });
}
