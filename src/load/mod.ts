/** Load generation: the door for the command line and for experiments. See docs/load.md. */
export { type LoadHooks, runLoad } from "./coordinator.ts";
export { Failure, failureNames } from "./failures.ts";
export { addEncoded, type EncodedHistogram, encodeHistogram } from "./hdr.ts";
export { type NullServer, startNullServer } from "./null-server.ts";
export {
  type ClosedLoad,
  type LoadPlan,
  noChecks,
  type OpenLoad,
  type Pacing,
  type PlanChecks,
  type PlanClass,
  planDefaults,
  planDurationMs,
  planLimits,
} from "./plan.ts";
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
export {
  type Arrivals,
  burstShape,
  constantShape,
  type ShapePiece,
  shapeDurationMs,
  shapeRateAt,
  shapeRequests,
} from "./shape.ts";
export { verdictExitCode } from "./verdict.ts";
