/** What happened, as counters and histograms in memory shared by the workers and the supervisor, and as a log. */
export { AccessLog, type AccessLogCounters, type AccessLogOptions } from "./access-log.ts";
export { AccessRecord, accessLogLabels } from "./access-log-line.ts";
export {
  ProcessCounter,
  type ProcessCounterName,
  type ProcessCounterRow,
  processCounterRows,
} from "./process-counters.ts";
export { type Cells, planSegment, runtimeFolder, Segment, type SegmentGrant } from "./segment.ts";
export { SegmentDirectory, type Series, seriesKey } from "./segment-directory.ts";
export { type SegmentSizes, slotNone, slotOther } from "./segment-layout.ts";
export {
  continueTraceparent,
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
