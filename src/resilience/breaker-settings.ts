/** What a breaker is set to and what it shows: names, reasons, results, defaults. The machine itself is in breaker.ts. */

/** What `acquire` returns instead of a permit. */
export const breakerRefused = -1;

export const BreakerState = { closed: 0, open: 1, halfOpen: 2, ramping: 3 } as const;
export const breakerStateNames = ["closed", "open", "half-open", "ramping"] as const;

/** Why a breaker last changed its state. */
export const BreakerCause = {
  none: 0,
  failures: 1,
  slowCalls: 2,
  connectFailures: 3,
  probesFailed: 4,
  probesUnanswered: 5,
  openTimeOver: 6,
  healthCheck: 7,
  probesSucceeded: 8,
  stepPassed: 9,
  recovered: 10,
  peer: 11,
} as const;
export const breakerCauseNames = [
  "none",
  "failures",
  "slow-calls",
  "connect-failures",
  "probes-failed",
  "probes-unanswered",
  "open-time-over",
  "health-check",
  "probes-succeeded",
  "step-passed",
  "recovered",
  "peer",
] as const;

/** How a call ended, as the breaker sees it. */
export const CallResult = {
  succeeded: 0,
  failed: 1,
  connectFailed: 2,
  /** It says nothing about the upstream, as when the client went away. */
  ignored: 3,
} as const;

export interface BreakerSettings {
  /** Length of the window, ten buckets of a tenth each. */
  readonly windowMs: number;
  /** Fewer calls than this in the window prove nothing. */
  readonly callsMin: number;
  readonly failureRatio: number;
  readonly slowRatio: number;
  readonly connectFailures: number;
  readonly openMs: number;
  readonly openMsMax: number;
  /** Each open time is drawn from 1 - jitter to 1 + jitter of its length. */
  readonly jitterRatio: number;
  readonly probes: number;
  readonly probeTimeoutMs: number;
  readonly rampStepMs: number;
}

export const breakerDefaults: BreakerSettings = {
  windowMs: 10_000,
  callsMin: 20,
  failureRatio: 0.5,
  slowRatio: 0.8,
  connectFailures: 5,
  openMs: 1_000,
  openMsMax: 60_000,
  jitterRatio: 0.2,
  probes: 3,
  probeTimeoutMs: 5_000,
  rampStepMs: 500,
};

/** What people and metrics see of a breaker. */
export interface BreakerSnapshot {
  readonly state: (typeof breakerStateNames)[number];
  readonly cause: (typeof breakerCauseNames)[number];
  /** How long it has been in this state. */
  readonly forMs: number;
  /** How long it stays open still, 0 in other states. */
  readonly leftMs: number;
  /** Percent of calls admitted by the state. */
  readonly admittedPercent: number;
  readonly openingsTotal: number;
  readonly calls: number;
  readonly failed: number;
  readonly slow: number;
}
