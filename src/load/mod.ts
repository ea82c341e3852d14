/** Load generation: the door for the command line and for experiments. See docs/load.md. */
export { buildPlan, type ClassInput, defaultProcesses, type PlanInput, parseTarget } from "./build-plan.ts";
export { ceilingNotice, checkCeiling, measureCeiling, withCeiling } from "./ceiling.ts";
export { ClientProcesses } from "./client-processes.ts";
export { type LoadHooks, runLoad } from "./coordinator.ts";
export { DirectSockets, descriptorOf, Received } from "./direct-sockets.ts";
export { Engine, type EngineEvents } from "./engine.ts";
export { Failure, failureNames } from "./failures.ts";
export { addEncoded, type EncodedHistogram, encodeHistogram } from "./hdr.ts";
export { Http1Reader, ReadResult } from "./http1-reader.ts";
export { Http2Scratch } from "./http2-events.ts";
export { Http2Request } from "./http2-request.ts";
export { Http2Session } from "./http2-session.ts";
export { mergeResults, readResult } from "./merge.ts";
export { type NullServer, startNullServer } from "./null-server.ts";
export { type NullServers, startNullServers } from "./null-servers.ts";
export {
  type ClosedLoad,
  type LoadPlan,
  noChecks,
  type OpenLoad,
  type Pacing,
  type PlanChecks,
  type PlanClass,
  type PlanTls,
  type ProcessShare,
  type ProtocolName,
  planDefaults,
  planDurationMs,
  planLimits,
} from "./plan.ts";
export type { ClientEvents, Protocol, ProtocolClient, RenderedRequest, RequestSource } from "./protocol-client.ts";
export { reportHtml, sweepHtml } from "./report.ts";
export {
  type ClassResult,
  type ErrorCounts,
  type GeneratorHealth,
  type LatencyUs,
  type LoadResult,
  type LoadSummary,
  resultSchema,
  type SeriesEntry,
  type Verdict,
  type VerdictStatus,
} from "./result.ts";
export { parseScenario, readScenario, type Scenario } from "./scenario.ts";
export { Schedule } from "./schedule.ts";
export { parseSchedule } from "./schedule-file.ts";
export { Screen } from "./screen.ts";
export {
  type Arrivals,
  burstShape,
  constantShape,
  type ShapePiece,
  shapeDurationMs,
  shapeRateAt,
  shapeRequests,
} from "./shape.ts";
export { parseSources } from "./sources.ts";
export { type Style, styleFor } from "./style.ts";
export { summaryText } from "./summary.ts";
export { planAt, runSweep, type SweepLevels, type SweepResult, sweepSchema, sweepText } from "./sweep.ts";
export { verdictExitCode } from "./verdict.ts";
