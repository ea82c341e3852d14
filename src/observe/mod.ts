/** What happened, as counters and histograms in memory shared by the workers and the supervisor, and as a log. */
export { AccessLog, type AccessLogCounters, type AccessLogOptions } from "./access-log.ts";
export { AccessRecord, accessLogLabels } from "./access-log-line.ts";
export { Exposition, type MetricSource, type SupervisorFacts } from "./exposition.ts";
export { contentTypes, type ExpositionFormat, negotiateFormat } from "./exposition-format.ts";
export { allMetricRows, type MetricRow, metricRows } from "./metric-table.ts";
export {
  ProcessCounter,
  type ProcessCounterName,
  type ProcessCounterRow,
  processCounterRows,
} from "./process-counters.ts";
export { type Cells, planSegment, runtimeFolder, Segment, type SegmentGrant } from "./segment.ts";
export { SegmentDirectory, type Series, seriesKey } from "./segment-directory.ts";
export { type SegmentSizes, slotNone, slotOther } from "./segment-layout.ts";
export { SegmentTotals } from "./segment-totals.ts";
export {
  readSnapshot,
  type Snapshot,
  type WorkerSnapshot,
} from "./snapshot.ts";
export {
  continueTraceparent,
  IdLines,
  isRequestId,
  isSampled,
  isTraceparent,
  requestIdLength,
  requestIdLengthMax,
  traceparentLength,
  writeRequestId,
  writeTraceparent,
} from "./trace.ts";
export { WorkerMetrics } from "./worker-metrics.ts";
