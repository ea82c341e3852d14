/**
 * Every process-wide counter and gauge a worker keeps, in one table: an index on the hot path, a row in `/metrics` and in
 * `docs/metrics.md`. Indices are positions in a seat of the shared segment: add rows at free indices below
 * `processCountersCount`, never reuse one. A gauge falls back to zero when its worker ends; a counter stays.
 */
import { assert } from "../base/mod.ts";

export type ProcessCounterKind = "counter" | "gauge";

export interface ProcessCounterRow {
  /** Position in the seat. */
  readonly index: number;
  /** Name in `/metrics`; a counter's ends in `_total`. */
  readonly metric: string;
  readonly kind: ProcessCounterKind;
  /** One English sentence. */
  readonly help: string;
}

/** Room kept in every seat. */
export const processCountersCount = 128;

const counter = (index: number, metric: string, help: string): ProcessCounterRow => ({
  index,
  metric,
  kind: "counter",
  help,
});
const gauge = (index: number, metric: string, help: string): ProcessCounterRow => ({
  index,
  metric,
  kind: "gauge",
  help,
});

const rows = {
  requests: counter(0, "weir_worker_requests_total", "Requests that ended, whatever their outcome."),
  requestsActive: gauge(1, "weir_requests_active", "Requests between their head and the end of their answer."),
  clientConnections: counter(2, "weir_client_connections_total", "Client connections accepted."),
  clientConnectionsOpen: gauge(3, "weir_client_connections_open", "Client connections open now."),
  upstreamConnections: counter(4, "weir_upstream_connections_total", "Upstream connections opened."),
  upstreamConnectionsOpen: gauge(5, "weir_upstream_connections_open", "Upstream connections open now."),
  upstreamConnectionsIdle: gauge(
    6,
    "weir_upstream_connections_idle",
    "Upstream connections open and without a request.",
  ),
  upstreamWaiting: gauge(7, "weir_upstream_waiting_requests", "Requests that wait for an upstream connection."),
  clientBytesIn: counter(8, "weir_client_received_bytes_total", "Bytes received from clients."),
  clientBytesOut: counter(9, "weir_client_sent_bytes_total", "Bytes sent to clients."),
  upstreamBytesIn: counter(10, "weir_upstream_received_bytes_total", "Bytes received from upstreams."),
  upstreamBytesOut: counter(11, "weir_upstream_sent_bytes_total", "Bytes sent to upstreams."),
  retries: counter(12, "weir_upstream_retries_total", "Requests sent to an upstream once more."),
  staleConnections: counter(
    13,
    "weir_upstream_stale_connections_total",
    "Idle upstream connections found closed by the upstream when a request was sent.",
  ),
  tlsHandshakes: counter(14, "weir_tls_handshakes_total", "TLS handshakes completed with clients."),
  tlsHandshakesFailed: counter(15, "weir_tls_handshakes_failed_total", "TLS handshakes with clients that failed."),
  tlsSessionsResumed: counter(16, "weir_tls_sessions_resumed_total", "TLS handshakes that resumed an earlier session."),
  reloads: counter(17, "weir_worker_reloads_total", "Configurations taken over by the worker."),
  accessLogLines: counter(18, "weir_access_log_lines_total", "Access log lines written."),
  accessLogDropped: counter(
    19,
    "weir_access_log_dropped_lines_total",
    "Access log lines lost to a full or broken disk.",
  ),
  residentBytes: gauge(20, "weir_worker_resident_memory_bytes", "Resident memory of the worker."),
  heapBytes: gauge(21, "weir_worker_heap_bytes", "Bytes of the worker's collected heap in use."),
  cpuSeconds: counter(22, "weir_worker_cpu_seconds_total", "Processor time used by the worker, user and system."),
  http2Streams: counter(23, "weir_http2_streams_total", "HTTP/2 streams opened by clients."),
  websocketsOpen: gauge(24, "weir_websockets_open", "WebSocket connections open now."),
  websocketMessagesIn: counter(
    25,
    "weir_websocket_received_messages_total",
    "WebSocket messages received from clients.",
  ),
  websocketMessagesOut: counter(26, "weir_websocket_sent_messages_total", "WebSocket messages sent to clients."),
  admissionLimit: gauge(
    27,
    "weir_admission_limit",
    "Requests that adaptive admission lets be in flight, over upstreams.",
  ),
  gateInFlight: gauge(
    28,
    "weir_admission_in_flight",
    "Requests in flight through gates with admission or lane limits.",
  ),
  cancelsWaiting: gauge(29, "weir_lane_cancel_waiting", "Requests of the lane cancel that wait for a place."),
  ordersWaiting: gauge(30, "weir_lane_order_waiting", "Requests of the lane order that wait for a place."),
  marketWaiting: gauge(31, "weir_lane_market_waiting", "Requests of the lane market that wait for a place."),
  queriesWaiting: gauge(32, "weir_lane_query_waiting", "Requests of the lane query that wait for a place."),
  pressure: gauge(33, "weir_pressure_ratio", "Pressure on the worker: 0 none, 1 at a limit of `lanes`."),
  clockOffsetSeconds: gauge(34, "weir_clock_offset_seconds", "Wall clock minus trusted time."),
  clockErrorSeconds: gauge(
    35,
    "weir_clock_error_seconds",
    "Bound of the error of trusted time; 0 without time sources.",
  ),
  idleCollections: counter(
    37,
    "weir_worker_idle_collections_total",
    "Collections of the heap that the worker began itself, between requests or at the beginning of a phase.",
  ),
  clockSteps: counter(36, "weir_clock_steps_total", "Steps of the wall clock that were seen."),
  lookupsFailed: counter(48, "weir_name_lookups_failed_total", "Look-ups of upstream names that failed."),
} as const;

export type ProcessCounterName = keyof typeof rows;

/** Positions by name: `ProcessCounter.retries`. */
export const ProcessCounter = Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row.index])) as {
  readonly [Name in ProcessCounterName]: (typeof rows)[Name]["index"];
};

/** All rows by name, by rising index. */
export const processCounterRows: readonly (ProcessCounterRow & { readonly name: ProcessCounterName })[] =
  Object.entries(rows)
    .map(([name, row]) => ({ ...row, name: name as ProcessCounterName }))
    .sort((a, b) => a.index - b.index);

const indices = processCounterRows.map((row) => row.index);
assert(new Set(indices).size === indices.length, "process counters have different indices");
assert(
  indices.every((index) => index >= 0 && index < processCountersCount),
  "process counters fit a seat",
);
