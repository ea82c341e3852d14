/**
 * Every way in which the generator can fail to get a good answer, as an integer on the hot path and a stable name in
 * results. The classes are kept apart because they point at different culprits: a refused connection is not a reset, a
 * half answer is not a slow one.
 */

export const Failure = {
  none: 0,
  connectRefused: 1,
  connectTimeout: 2,
  connectFailed: 3,
  noLocalPort: 4,
  reset: 5,
  closedUnanswered: 6,
  closedEarly: 7,
  malformed: 8,
  wrongLength: 9,
  timeout: 10,
  slowAnswer: 11,
  unexpectedStatus: 12,
  checkFailed: 13,
  skipped: 14,
  unsent: 15,
  tlsFailed: 16,
  protocolError: 17,
} as const;
export type Failure = (typeof Failure)[keyof typeof Failure];

/** Names in results, indexed by code; stable, documented in `docs/load-result.md`. */
export const failureNames: readonly string[] = [
  "none",
  "connect-refused",
  "connect-timeout",
  "connect-failed",
  "no-local-port",
  "reset",
  "closed-unanswered",
  "closed-early",
  "malformed",
  "wrong-length",
  "timeout",
  "slow-answer",
  "unexpected-status",
  "check-failed",
  "skipped",
  "unsent",
  "tls-failed",
  "protocol-error",
];

export const failuresCount = failureNames.length;
