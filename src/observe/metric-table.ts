/**
 * Every metric Weir exposes: a closed set, documented in `docs/metrics.md` (generated from here, checked by a test). Names
 * carry their units. Values of labels are bounded: routes and upstreams by the slots of the shared segment, the others by
 * the tables they come from.
 */
import { assert } from "../base/mod.ts";
import { processCounterRows } from "./process-counters.ts";

export type MetricKind = "counter" | "gauge" | "histogram";

export interface MetricRow {
  readonly name: string;
  readonly kind: MetricKind;
  readonly labels: readonly string[];
  /** One English sentence. */
  readonly help: string;
}

const row = (name: string, kind: MetricKind, labels: readonly string[], help: string): MetricRow => ({
  name,
  kind,
  labels,
  help,
});

/** The metrics that are not process counters, by the name the renderer uses. */
export const metricRows = {
  buildInfo: row("weir_build_info", "gauge", ["version", "runtime"], "Always 1; the labels tell what runs."),
  startTime: row("weir_start_time_seconds", "gauge", [], "When the supervisor started, in seconds since 1970."),
  breakerState: row(
    "weir_breaker_state",
    "gauge",
    ["upstream", "route"],
    "State of the breaker: 0 closed, 1 open, 2 half-open, 3 ramping. `route` is empty for one of the whole upstream.",
  ),
  breakerOpenings: row(
    "weir_breaker_openings_total",
    "counter",
    ["upstream", "route"],
    "How often the breaker opened.",
  ),
  endpointUsable: row(
    "weir_endpoint_usable",
    "gauge",
    ["upstream", "endpoint"],
    "1 while the endpoint gets requests, else 0.",
  ),
  endpointEjections: row(
    "weir_endpoint_ejections_total",
    "counter",
    ["upstream", "endpoint"],
    "How often the endpoint was ejected for its failures.",
  ),
  revision: row("weir_configuration_revision", "gauge", [], "Revision of the configuration in force."),
  generation: row("weir_generation", "gauge", [], "Generation of workers that serves; each restart begins a new one."),
  reloads: row("weir_configuration_reloads_total", "counter", ["result"], "Reloads by result: taken or refused."),
  workerCrashes: row("weir_worker_crashes_total", "counter", [], "Workers that ended without being asked to."),
  workerUp: row("weir_worker_up", "gauge", ["seat", "worker"], "1 while a process has the seat and serves, else 0."),
  admissionLimiting: row(
    "weir_admission_limiting",
    "gauge",
    ["upstream"],
    "1 while requests wait for a place at the upstream or are refused one, else 0.",
  ),
  rateLimitRefusals: row("weir_rate_limit_refusals_total", "counter", ["limit"], "Requests that a rate limit refused."),
  clockState: row("weir_clock_state", "gauge", [], "The worst worker's clock: 0 ok, 1 warn, 2 fence."),
  workerListens: row(
    "weir_listener_served",
    "gauge",
    ["listener", "worker"],
    "1 for each listener and worker that accepts on it.",
  ),
  workerRevision: row("weir_worker_revision", "gauge", ["seat"], "Revision of the configuration the worker serves."),
  workerGeneration: row("weir_worker_generation", "gauge", ["seat"], "Generation the worker belongs to."),
  workerStarts: row("weir_worker_starts_total", "counter", ["seat"], "Processes that have had the seat."),
  requests: row("weir_requests_total", "counter", ["route", "upstream", "outcome"], "Requests ended, by outcome."),
  responses: row(
    "weir_responses_total",
    "counter",
    ["route", "upstream", "status"],
    "Requests ended, by the class of the status sent (`none` when the client got no answer).",
  ),
  requestBytesIn: row(
    "weir_request_received_bytes_total",
    "counter",
    ["route", "upstream"],
    "Bytes of requests received from clients.",
  ),
  requestBytesOut: row(
    "weir_request_sent_bytes_total",
    "counter",
    ["route", "upstream"],
    "Bytes of answers sent to clients.",
  ),
  requestSeconds: row(
    "weir_request_seconds",
    "histogram",
    ["route", "upstream", "outcome"],
    "From a request's first byte to its answer's last; outcome is `answered`, or where the failure arose.",
  ),
  upstreamSeconds: row(
    "weir_upstream_seconds",
    "histogram",
    ["upstream"],
    "Time that requests spent waiting for the upstream.",
  ),
  refusals: row(
    "weir_refused_connections_total",
    "counter",
    ["outcome"],
    "Connections refused or cut outside of a request, and what an HTTP/2 peer broke its rules with on either side.",
  ),
  loopStall: row("weir_event_loop_stall_seconds", "histogram", [], "How late timers of the workers fired."),
  seriesUsed: row("weir_series_used", "gauge", [], "Pairs of route and upstream that have a place of their own."),
  seriesMax: row("weir_series_max", "gauge", [], "Places there are; pairs beyond are counted as `other`."),
  renderSeconds: row("weir_scrape_render_seconds", "gauge", [], "How long the previous scrape took to render."),
  scrapes: row("weir_scrapes_total", "counter", [], "Scrapes rendered."),
} as const satisfies Record<string, MetricRow>;

/** Process counters named `weir_worker_` are told of every seat, the others as sums. */
export function isPerSeat(metric: string): boolean {
  return metric.startsWith("weir_worker_");
}

/** The whole closed set, by name. */
export const allMetricRows: readonly MetricRow[] = [
  ...Object.values(metricRows),
  ...processCounterRows.map(({ metric, kind, help }) => row(metric, kind, isPerSeat(metric) ? ["seat"] : [], help)),
].sort((a, b) => (a.name < b.name ? -1 : 1));

assert(new Set(allMetricRows.map(({ name }) => name)).size === allMetricRows.length, "metric names are unique");
