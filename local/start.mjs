// `npm start`: installs what is missing, then runs the platform with the project's own Node.

import { join } from 'node:path';
import { ensureRuntime, root, run } from './with-runtime.mjs';

const runtime = await ensureRuntime();
process.exitCode = await run(runtime, [join(root, 'local', 'serve.ts'), ...process.argv.slice(2)], { tether: true });
