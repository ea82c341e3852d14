/**
 * Every way a request can end, in one table: an integer on the hot path, a row in `docs/outcomes.md` (a test compares the
 * two), a label in metrics, and the `code` of the gateway's own problem answers.
 *
 * Codes are stable and never reused. `retry` says what a client may do: `safe` nothing of the request was sent upstream;
 * `never` something may have been; `done` there is nothing to repeat.
 */

export type OutcomeOrigin = "client" | "upstream" | "gateway" | "cluster";
export type OutcomeRetry = "safe" | "never" | "done";

export interface OutcomeRow {
  readonly code: number;
  readonly name: string;
  /** Status of the gateway's own answer; 0 where it sends none. */
  readonly status: number;
  readonly origin: OutcomeOrigin;
  readonly retry: OutcomeRetry;
  /** What happened, one English sentence; the `title` of the problem answer. */
  readonly title: string;
}

const row = (
  code: number,
  name: string,
  status: number,
  origin: OutcomeOrigin,
  retry: OutcomeRetry,
  title: string,
): OutcomeRow => ({ code, name, status, origin, retry, title });

/** The table. `Outcome.<name>` is the code; `outcomeRow(code)` the row. */
const rows = {
  ok: row(0, "ok", 0, "upstream", "done", "The upstream's answer was passed on."),
  local: row(1, "local", 0, "gateway", "done", "The gateway answered by itself as configured."),

  malformedRequest: row(10, "malformed-request", 400, "client", "safe", "The request breaks the grammar of HTTP."),
  ambiguousFraming: row(
    11,
    "ambiguous-framing",
    400,
    "client",
    "safe",
    "The request's length can be read in two ways.",
  ),
  badHost: row(12, "bad-host", 400, "client", "safe", "The Host field is missing, repeated or malformed."),
  headTooLarge: row(13, "head-too-large", 431, "client", "safe", "The request's head is over the limit."),
  targetTooLong: row(14, "target-too-long", 414, "client", "safe", "The request target is over the limit."),
  bodyTooLarge: row(15, "body-too-large", 413, "client", "never", "The request's body is over the limit."),
  versionNotSupported: row(
    16,
    "version-not-supported",
    505,
    "client",
    "safe",
    "The protocol version is not supported.",
  ),
  transferCodingNotSupported: row(
    17,
    "transfer-coding-not-supported",
    501,
    "client",
    "safe",
    "The transfer coding is not supported.",
  ),
  methodNotSupported: row(
    18,
    "method-not-supported",
    501,
    "client",
    "safe",
    "The method is not supported by the gateway.",
  ),
  expectationFailed: row(
    19,
    "expectation-failed",
    417,
    "client",
    "safe",
    "The Expect field asks for something unknown.",
  ),
  headTimeout: row(20, "head-timeout", 408, "client", "safe", "The request's head did not arrive in time."),
  bodyTimeout: row(21, "body-timeout", 408, "client", "never", "The request's body did not arrive in time."),
  clientAborted: row(
    22,
    "client-aborted",
    0,
    "client",
    "never",
    "The client went away before the answer was complete.",
  ),
  clientReadTimeout: row(
    23,
    "client-read-timeout",
    0,
    "client",
    "never",
    "The client did not read the answer in time.",
  ),
  malformedBody: row(24, "malformed-body", 400, "client", "never", "The request's body breaks the chunked coding."),
  ambiguousPath: row(25, "ambiguous-path", 400, "client", "safe", "The request's path can be read in two ways."),
  badProxyHeader: row(
    26,
    "bad-proxy-header",
    0,
    "client",
    "safe",
    "The connection's PROXY header is missing or malformed.",
  ),

  noRoute: row(30, "no-route", 404, "gateway", "safe", "No route matches the request."),
  methodNotAllowed: row(31, "method-not-allowed", 405, "gateway", "safe", "The route does not allow the method."),
  tooManyConnections: row(32, "too-many-connections", 503, "gateway", "safe", "The connection limit is reached."),
  tooManyClientConnections: row(
    33,
    "too-many-client-connections",
    503,
    "gateway",
    "safe",
    "The client's network has too many connections.",
  ),
  requestTimeout: row(34, "request-timeout", 504, "gateway", "never", "The whole request took longer than its limit."),
  draining: row(35, "draining", 503, "gateway", "safe", "The gateway is shutting down."),
  internal: row(36, "internal", 500, "gateway", "never", "The gateway failed."),

  upstreamConnectFailed: row(
    50,
    "upstream-connect-failed",
    502,
    "upstream",
    "safe",
    "No connection to the upstream could be made.",
  ),
  upstreamConnectTimeout: row(
    51,
    "upstream-connect-timeout",
    504,
    "upstream",
    "safe",
    "The connection to the upstream took too long.",
  ),
  upstreamClosed: row(
    52,
    "upstream-closed",
    502,
    "upstream",
    "never",
    "The upstream closed the connection before its answer was complete.",
  ),
  upstreamMalformed: row(
    53,
    "upstream-malformed",
    502,
    "upstream",
    "never",
    "The upstream's answer breaks the grammar of HTTP.",
  ),
  upstreamFirstByteTimeout: row(
    54,
    "upstream-first-byte-timeout",
    504,
    "upstream",
    "never",
    "The upstream did not begin its answer in time.",
  ),
  upstreamIdleTimeout: row(55, "upstream-idle-timeout", 504, "upstream", "never", "The upstream's answer stalled."),
  upstreamQueueFull: row(56, "upstream-queue-full", 503, "gateway", "safe", "Too many requests wait for the upstream."),
  upstreamQueueTimeout: row(
    57,
    "upstream-queue-timeout",
    503,
    "gateway",
    "safe",
    "No upstream connection became free in time.",
  ),
  noEndpoint: row(58, "no-endpoint", 503, "upstream", "safe", "The upstream has no usable endpoint."),
  upstreamHeadTooLarge: row(
    59,
    "upstream-head-too-large",
    502,
    "upstream",
    "never",
    "The head of the upstream's answer is over the limit.",
  ),
  upstreamHttp2Violation: row(
    60,
    "upstream-http2-violation",
    0,
    "upstream",
    "never",
    "The upstream broke the rules of HTTP/2.",
  ),
  upstreamHttp2Flood: row(
    61,
    "upstream-http2-flood",
    0,
    "upstream",
    "never",
    "The upstream flooded its HTTP/2 connection, which was ended.",
  ),

  laneShed: row(
    90,
    "lane-shed",
    503,
    "gateway",
    "safe",
    "The gateway is under pressure and refuses this lane's traffic.",
  ),
  rateLimited: row(91, "rate-limited", 429, "client", "safe", "The rate limit is reached."),
  admissionLimit: row(
    92,
    "admission-limit",
    503,
    "gateway",
    "safe",
    "The upstream has as many requests as it can work on.",
  ),
  laneQueueFull: row(93, "lane-queue-full", 503, "gateway", "safe", "The lane's queue is full."),
  laneWaitTooLong: row(
    94,
    "lane-wait-too-long",
    503,
    "gateway",
    "safe",
    "The request would have waited longer than its lane allows.",
  ),
  deadlinePassed: row(
    95,
    "deadline-passed",
    504,
    "client",
    "safe",
    "The time that the sender was willing to wait is over.",
  ),
  breakerOpen: row(96, "breaker-open", 503, "upstream", "safe", "The upstream fails and is not called for a while."),
  fallback: row(
    97,
    "fallback",
    0,
    "gateway",
    "done",
    "The gateway answered from the route's fallback while the upstream is not called.",
  ),
  admissionRate: row(98, "admission-rate", 503, "gateway", "safe", "The rate that adaptive admission allows is spent."),
  laneShutOut: row(99, "lane-shut-out", 421, "client", "safe", "This listener does not let the request's lane in."),
  identityMissing: row(100, "identity-missing", 401, "client", "safe", "The request carries no proof of identity."),
  identityInvalid: row(101, "identity-invalid", 401, "client", "safe", "The proof of identity is not valid."),
  identityExpired: row(
    102,
    "identity-expired",
    401,
    "client",
    "safe",
    "The proof of identity has expired or is not valid yet.",
  ),
  identityForbidden: row(103, "identity-forbidden", 403, "client", "safe", "This identity may not use the route."),
  signatureStale: row(104, "signature-stale", 401, "client", "safe", "The signature's time is outside the window."),
  signatureReplayed: row(105, "signature-replayed", 401, "client", "safe", "The signature's nonce was used before."),
  nonceTableFull: row(106, "nonce-table-full", 503, "gateway", "safe", "No more nonces can be remembered."),
  identityUnavailable: row(
    107,
    "identity-unavailable",
    503,
    "gateway",
    "safe",
    "The keys to check the proof with are not available.",
  ),

  http2Violation: row(70, "http2-violation", 0, "client", "safe", "The client broke the rules of HTTP/2."),
  http2Flood: row(71, "http2-flood", 0, "client", "safe", "The client flooded its HTTP/2 connection, which was ended."),
  http2StreamRefused: row(72, "http2-stream-refused", 0, "gateway", "safe", "The client has too many streams open."),
  webSocketHandshake: row(73, "websocket-handshake", 400, "client", "safe", "The WebSocket handshake is malformed."),
  webSocketVersion: row(74, "websocket-version", 426, "client", "safe", "Only version 13 of WebSocket is spoken."),
  webSocketNotCarried: row(
    75,
    "websocket-not-carried",
    501,
    "gateway",
    "safe",
    "The route's upstream cannot carry WebSockets.",
  ),
  webSocketViolation: row(76, "websocket-violation", 0, "client", "done", "A side of a WebSocket broke its framing."),
  tlsHandshakeFailed: row(80, "tls-handshake-failed", 0, "client", "safe", "The TLS handshake with the client failed."),
  tlsHandshakeTimeout: row(
    81,
    "tls-handshake-timeout",
    0,
    "client",
    "safe",
    "The client did not finish the TLS handshake in time.",
  ),
  upstreamTlsFailed: row(
    82,
    "upstream-tls-failed",
    502,
    "upstream",
    "safe",
    "No TLS connection to the upstream could be made.",
  ),
} as const;

export type OutcomeName = keyof typeof rows;

/** Integer codes by name: `Outcome.headTimeout`. */
export const Outcome = Object.fromEntries(Object.entries(rows).map(([name, value]) => [name, value.code])) as {
  readonly [Name in OutcomeName]: (typeof rows)[Name]["code"];
};

/** All rows, by rising code. */
export const outcomeRows: readonly OutcomeRow[] = Object.values(rows).sort((a, b) => a.code - b.code);

/** One more than the highest code: the length of an array indexed by outcome. */
export const outcomeCodesCount = outcomeRows[outcomeRows.length - 1]!.code + 1;

const byCode: (OutcomeRow | undefined)[] = [];
for (const outcome of outcomeRows) byCode[outcome.code] = outcome;

/** The row of a code; asking for an unknown one is a bug. */
export function outcomeRow(code: number): OutcomeRow {
  const found = byCode[code];
  if (found === undefined) throw new RangeError(`no outcome has the code ${code}`);
  return found;
}
