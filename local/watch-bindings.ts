// What the local Worker is told of the environment for those who watch over it: how much it logs, and where its traces go. A
// setting that is wrong is said before anything starts: better now than when the first trace is lost.

import { readTraceSettings } from '../functions/traces/settings.ts';
import { StartError } from './start-error.ts';

const NAMES = ['STARLING_LOG', 'STARLING_OTLP_ENDPOINT', 'STARLING_OTLP_HEADERS'] as const;

/**
 * Text bindings of the Worker.
 * @throws StartError that names the setting, never its value
 */
export function watchBindings(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const settings = readTraceSettings(env);
  if (!settings.ok)
    throw new StartError(`${settings.error.setting} cannot be read; see docs/reference/configuration.md`);
  return Object.fromEntries(NAMES.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
