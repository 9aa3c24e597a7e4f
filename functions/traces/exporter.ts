// What swarms call to have spans exported: the settings, then one request.

import type { TraceExporterPort } from '../../core/traces/port.ts';
import { type ExportDeps, exportSpans } from './export.ts';
import { readTraceSettings, type TraceEnv } from './settings.ts';

export interface ExporterDeps extends ExportDeps {
  /** Told of a setting that is wrong, by its name. */
  report(event: string, fields: Readonly<Record<string, unknown>>): void;
}

/** It keeps nothing between calls. */
export function createExporter(env: TraceEnv, deps: ExporterDeps): TraceExporterPort {
  return {
    async send(body) {
      const settings = readTraceSettings(env);
      if (settings.ok && settings.value !== null) return exportSpans(body, settings.value, deps);
      if (!settings.ok) deps.report('traces_settings_wrong', { setting: settings.error.setting });
      // The swarm tries again: there is time to put it right.
      return { outcome: 'retry', error: 'settings_wrong' };
    },
  };
}
