/** Policies as state machines over an injected monotonic clock, without sockets. */

export {
  type Admission,
  type AdmissionName,
  type AdmissionSettings,
  admissionDefaults,
  admissionNames,
  makeAdmission,
} from "./admission.ts";
export { Breaker, breakerCells } from "./breaker.ts";
export {
  BreakerCause,
  type BreakerSettings,
  type BreakerSnapshot,
  BreakerState,
  breakerCauseNames,
  breakerDefaults,
  breakerRefused,
  breakerStateNames,
  CallResult,
} from "./breaker-settings.ts";
export { CellDirectory, directoryCellsMin } from "./cell-directory.ts";
export {
  ClockGuard,
  type ClockGuardSettings,
  type ClockReport,
  type ClockState,
  clockStates,
  clockStepMs,
} from "./clock-guard.ts";
export {
  type EndpointSnapshot,
  EndpointState,
  endpointHealthCells,
  endpointStateNames,
  HealthReason,
  type HealthSettings,
  healthDefaults,
  healthLeaseCells,
  healthReasonNames,
  UpstreamHealth,
} from "./health.ts";
export { KeyedRateLimiter, keyedLimiterCells } from "./keyed-rate-limit.ts";
export { Pressure, type PressureLimits, pressureBars, pressureSources } from "./pressure.ts";
export { RateLimiter, RateShape, rateLimiterCells, rateMaxPerSecond } from "./rate-limit.ts";
export {
  type BreakerReport,
  breakerName,
  breakerSettingsOf,
  type EndpointReport,
  healthLeaseName,
  healthName,
  type ProtectionReport,
  readProtection,
} from "./report.ts";
export {
  backoffMs,
  decideRetry,
  RetryBudget,
  type RetryCase,
  RetryVerdict,
  retryVerdictNames,
} from "./retry.ts";
export { SlowThreshold } from "./slow-threshold.ts";
export {
  admissionStandingName,
  clockCauses,
  clockStandingName,
  countRefusal,
  gateFigures,
  pressureRatioFigure,
  pressureStandingName,
  readStandings,
  refusalCells,
  refusalsName,
  Standing,
  type StandingReading,
} from "./standing.ts";
export { type TimerNode, TimerWheel, timerIdle } from "./timer-wheel.ts";
