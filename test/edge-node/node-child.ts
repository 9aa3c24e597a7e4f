// A device in a process of its own, for tests that kill it. Its operation `test.slow` ends when a file appears in its home.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { startEdgeNode } from '../../edge-node/src/main.ts';
import { defineOperation } from '../../edge-node/src/operations/operation.ts';

const home = process.argv[2] ?? '';
const slow = defineOperation({
  ...{ name: 'test.slow', version: '1.0.0', summary: 'For tests.', priceMicro: 10, leaseMs: 60_000 },
  input: z.unknown(),
  output: z.string(),
  async run(_input, { signal }) {
    while (!existsSync(join(home, 'finish'))) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return 'finished';
  },
});
const node = await startEdgeNode({ home }, { loadOperations: async () => [slow] });
process.once('SIGTERM', () => void node.stop());
await node.over;
