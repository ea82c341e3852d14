/**
 * Every way in which the generator can fail to get a good answer, as an integer on the hot path and a stable name in
 * results. The classes are kept apart because they point at different culprits: a refused connection is not a reset, a
 * half answer is not a slow one.
 */

const kinds = {
  none: "none",
  connectRefused: "connect-refused",
  connectTimeout: "connect-timeout",
  connectFailed: "connect-failed",
  noLocalPort: "no-local-port",
  reset: "reset",
  closedUnanswered: "closed-unanswered",
  closedEarly: "closed-early",
  malformed: "malformed",
  wrongLength: "wrong-length",
  timeout: "timeout",
  slowAnswer: "slow-answer",
  unexpectedStatus: "unexpected-status",
  checkFailed: "check-failed",
  skipped: "skipped",
  unsent: "unsent",
  tlsFailed: "tls-failed",
  protocolError: "protocol-error",
  tlsUntrusted: "tls-untrusted",
  noHttp2: "no-http2",
  upgradeRefused: "upgrade-refused",
  idleClosed: "idle-closed",
  unaskedMessage: "unasked-message",
} as const;

/** Error codes of HTTP/2 (RFC 9113 section 7) in their order; a code beyond them is `unknown`. */
const http2Codes = [
  "no-error",
  "protocol-error",
  "internal-error",
  "flow-control-error",
  "settings-timeout",
  "stream-closed",
  "frame-size-error",
  "refused-stream",
  "cancel",
  "compression-error",
  "connect-error",
  "enhance-your-calm",
  "inadequate-security",
  "http-1-1-required",
  "unknown",
] as const;

/** Close codes of WebSocket with a class of their own: 1000 to 1014; the others are `ws-close-other`. */
const closeCodeFirst = 1000;
const closeCodesCount = 15;

type Kind = keyof typeof kinds;
const kindNames = Object.values(kinds);
const resetFirst = kindNames.length;
const goawayFirst = resetFirst + http2Codes.length;
const closeFirst = goawayFirst + http2Codes.length;

export const Failure = Object.fromEntries(Object.keys(kinds).map((name, code) => [name, code])) as Readonly<
  Record<Kind, number>
>;
export type Failure = number;

/** Names in results, indexed by code; stable, documented in `docs/load.md`. */
export const failureNames: readonly string[] = [
  ...kindNames,
  ...http2Codes.map((name) => `stream-${name}`),
  ...http2Codes.map((name) => `goaway-${name}`),
  ...Array.from({ length: closeCodesCount }, (_, index) => `ws-close-${closeCodeFirst + index}`),
  "ws-close-other",
];

export const failuresCount = failureNames.length;

/** The class of a stream that the server reset with an error code. */
export function resetFailure(code: number): Failure {
  return resetFirst + Math.min(code, http2Codes.length - 1);
}

/** The class of a stream that was lost to a GOAWAY with an error code. */
export function goawayFailure(code: number): Failure {
  return goawayFirst + Math.min(code, http2Codes.length - 1);
}

/** The class of an exchange that ended with a WebSocket's close code. */
export function closeFailure(code: number): Failure {
  const index = code - closeCodeFirst;
  return closeFirst + (index >= 0 && index < closeCodesCount ? index : closeCodesCount);
}
