// The log of an object: lines on the platform's console, as many as the setting wants.

import { type Log, loggerOf } from '../core/log-line.ts';

/** What an object's surroundings say of its log. */
export interface LogEnv {
  /** `off`, `error`, `warn` or `info`. */
  readonly STARLING_LOG?: string;
}

export function objectLog({ STARLING_LOG }: LogEnv): Log {
  return loggerOf(STARLING_LOG, (level, line) => console[level](line));
}
