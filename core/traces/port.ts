// The words between a swarm and whoever takes its spans outside, as plain data over RPC. The swarm makes the request; where it
// goes and by which headers is known to the Worker alone.

export interface TraceExporterPort {
  /** Sends one request once. @param body an `ExportTraceServiceRequest` as OTLP/JSON */
  send(body: string): Promise<ExportOutcome>;
}

export type ExportOutcome =
  /** Taken; `rejected` of the spans are not, and never will be. */
  | { readonly outcome: 'taken'; readonly rejected: number }
  /** Not taken, and may be later. */
  | { readonly outcome: 'retry'; readonly error: ExportError; readonly status?: number; readonly retryAfterMs?: number }
  /** Not taken, and would not be. */
  | { readonly outcome: 'refused'; readonly error: ExportError; readonly status?: number };

/** Why, as a code: a text from outside may hold anything. */
export type ExportError =
  | 'settings_wrong'
  | 'timed_out'
  | 'connection_failed'
  | 'answered_busy'
  | 'answered_error'
  | 'redirected'
  | 'exporter_unavailable';
