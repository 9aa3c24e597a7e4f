// Whether this machine can run the stand-alone verifier. Starling itself needs no Python, so neither does `npm test`; CI has
// one and always runs these tests.

import { spawnSync } from 'node:child_process';

/** True where the tests of the Python verifier are left out: there is none, and this is not CI. */
export const noPython = process.env.CI === undefined && spawnSync('python3', ['--version']).status !== 0;
