// `npm test`: installs what is missing, then runs every test with the project's own Node. Arguments go to Vitest.

import { join } from 'node:path';
import { ensureRuntime, root, run } from './with-runtime.mjs';

const runtime = await ensureRuntime();
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const code = await run(runtime, [vitest, 'run', ...process.argv.slice(2)]);
process.stdout.write(code === 0 ? 'npm test: all tests passed\n' : `npm test: FAILED (exit code ${code})\n`);
process.exitCode = code;
