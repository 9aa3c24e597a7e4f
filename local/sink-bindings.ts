// Where telemetry and the archive of the local platform go: what the environment says of it becomes bindings of the Worker.

import { Fault } from '../core/assert.ts';
import { type CloudEnv, cloudVariables, readSink } from '../functions/cloud/settings.ts';
import { StartError } from './start-error.ts';

/**
 * Text bindings for `STARLING_SINK` and what goes with it. Always says which sink: `[vars]` of wrangler.toml are the deployed
 * platform's. Nothing of AWS is handed on unless it is chosen.
 * @throws StartError when a setting is missing or none
 */
export function sinkBindings(env: CloudEnv): Record<string, string> {
  try {
    if (readSink(env) === null) return { STARLING_SINK: 'cloudflare' };
  } catch (error) {
    if (error instanceof Fault) throw new StartError(error.message);
    throw error;
  }
  return Object.fromEntries(cloudVariables.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
