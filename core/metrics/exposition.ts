// Metrics as text: Prometheus' exposition format 0.0.4, and OpenMetrics 1.0.0 for whoever asks for it.

import { FAMILIES, type Family, type Labels } from './families.ts';
import type { MetricsView } from './view.ts';

export type MetricsFormat = 'prometheus' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The text of a swarm's metrics. Every sample says whose it is. */
export function exposition(view: MetricsView, format: MetricsFormat): string {
  const parts = FAMILIES.flatMap((family) => {
    const samples = family.read(view);
    if (samples.length === 0) return [];
    const full = family.type === 'counter' ? `${family.name}_total` : family.name;
    const lines = samples.map(
      ({ labels, value }) => `${full}${labelsText({ swarm: view.swarm, ...labels })} ${numberText(value)}\n`,
    );
    return [head(family, full, format), ...lines];
  });
  return `${parts.join('')}${format === 'openmetrics' ? '# EOF\n' : ''}`;
}

/**
 * The format that an `Accept` header prefers: OpenMetrics only where it is named and weighs no less than text.
 * @param accept null when there is none
 */
export function formatOf(accept: string | null): MetricsFormat {
  let openMetrics = 0;
  let text = 0;
  for (const part of (accept ?? '').toLowerCase().split(',').slice(0, acceptPartsMax)) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const weight = Number(parameters.find((piece) => piece.startsWith('q='))?.slice(2) ?? 1);
    // A later version may say something else than we write.
    const isKnown = parameters.every((piece) => !piece.startsWith('version=') || OPEN_METRICS_VERSIONS.includes(piece));
    if (type === 'application/openmetrics-text' && isKnown) openMetrics = Math.max(openMetrics, weight || 0);
    else if (type === 'text/plain' || type === 'text/*' || type === '*/*') text = Math.max(text, weight || 0);
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'prometheus';
}

const acceptPartsMax = 20;
const OPEN_METRICS_VERSIONS = ['version=1.0.0', 'version=0.0.1'];

/** A counter is named with `_total` in one format and without in the other; only OpenMetrics knows units. */
function head({ name, type, help, unit }: Family, full: string, format: MetricsFormat): string {
  const called = format === 'openmetrics' ? name : full;
  const unitLine = format === 'openmetrics' && unit !== undefined ? `# UNIT ${called} ${unit}\n` : '';
  return `# HELP ${called} ${escapeHelp(help, format)}\n# TYPE ${called} ${type}\n${unitLine}`;
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** OpenMetrics escapes quotes in help as well. */
function escapeHelp(help: string, format: MetricsFormat): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped;
}

/** Go's ParseFloat reads what JavaScript writes, infinity aside. */
function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
