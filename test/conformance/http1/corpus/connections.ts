/** Connections, pipelining, hop-by-hop fields, Expect and Upgrade: RFC 9110 sections 7.6, 7.8, 10.1; RFC 9112 section 9. */
import {
  get,
  lines,
  PASSED,
  passed,
  passedLast,
  post,
  type RequestCase,
  refused,
  type Seen,
  SMUGGLED,
  seenGet,
  seenPost,
} from "./case.ts";

const old = (...fields: readonly string[]): string => lines("GET / HTTP/1.0", "Host: a", ...fields);
const path = (target: string): string => lines(`GET ${target} HTTP/1.1`, "Host: a");
const seenPath = (target: string): Seen => ({ line: `GET ${target}`, host: "a", fields: [] });

const lifetimes: readonly RequestCase[] = [
  passedLast("close ends the connection", "9112 9.6", get("Connection: close"), seenGet()),
  passedLast("what follows close is not read", "9112 9.6", get("Connection: close") + SMUGGLED, seenGet()),
  passedLast("close in capitals", "9110 7.6.1", get("Connection: CLOSE"), seenGet()),
  passedLast("close in a list", "9110 7.6.1", get("Connection: x-a,\tclose "), seenGet()),
  passedLast("close in a second field", "9110 7.6.1", get("Connection: keep-alive", "Connection: close"), seenGet()),
  passedLast("close wins over keep-alive", "9112 9.3", get("Connection: keep-alive, close"), seenGet()),
  passed("keep-alive changes nothing in HTTP/1.1", "9112 9.3", get("Connection: keep-alive"), seenGet()),
  passed("an option that only begins like close", "9110 7.6.1", get("Connection: closed"), seenGet()),
  passed("empty elements of the list are ignored", "9110 5.6.1", get("Connection: , ,keep-alive,,"), seenGet()),
  passed("an empty Connection field", "9110 7.6.1", get("Connection:"), seenGet()),
  passedLast("HTTP/1.0 ends its connection", "9112 9.3", old(), seenGet()),
  passedLast("what follows in HTTP/1.0 is not read", "9112 9.3", old() + SMUGGLED, seenGet()),
  passed("HTTP/1.0 with keep-alive", "9112 9.3", old("Connection: keep-alive"), seenGet()),
  passedLast("HTTP/1.0 with keep-alive and close", "9112 9.3", old("Connection: keep-alive, close"), seenGet()),
  passedLast("Proxy-Connection keeps nothing alive", "9112 C.2.2", old("Proxy-Connection: keep-alive"), seenGet()),
];

const pipelines: readonly RequestCase[] = [
  passed("two requests at once", "9112 9.3.2", path("/1") + path("/2"), seenPath("/1"), seenPath("/2")),
  passed(
    "ten requests at once",
    "9112 9.3.2",
    Array.from({ length: 10 }, (_, index) => path(`/${index}`)).join(""),
    ...Array.from({ length: 10 }, (_, index) => seenPath(`/${index}`)),
  ),
  passed(
    "requests with and without bodies at once",
    "9112 9.3.2",
    `${post(["Content-Length: 2"], "ab")}${path("/2")}${post(["Transfer-Encoding: chunked"], "1\r\nc\r\n0\r\n\r\n")}${path("/4")}`,
    seenPost("ab"),
    seenPath("/2"),
    seenPost("c"),
    seenPath("/4"),
  ),
  {
    name: "a bad request behind a good one",
    section: "9112 9.3.2",
    bytes: `${path("/1")}GET / HTTP/1.1\r\n\r\n${SMUGGLED}`,
    statuses: [PASSED, 400],
    closes: true,
    upstream: [seenPath("/1")],
  },
  {
    name: "bytes that are no request behind a body",
    section: "9112 6.3",
    bytes: `${post(["Content-Length: 5"], "hello")}world\r\n\r\n${SMUGGLED}`,
    statuses: [PASSED, 400],
    closes: true,
    upstream: [seenPost("hello")],
  },
  {
    name: "a length shorter than the body",
    section: "9112 6.3",
    bytes: `${post(["Content-Length: 4"], "hello")}${SMUGGLED}`,
    statuses: [PASSED, PASSED],
    closes: false,
    upstream: [seenPost("hell"), { line: "oGET /smuggled", host: "a", fields: [] }],
  },
  passed(
    "HEAD before GET",
    "9110 9.3.2",
    lines("HEAD /1 HTTP/1.1", "Host: a") + path("/2"),
    {
      line: "HEAD /1",
      host: "a",
      fields: [],
    },
    seenPath("/2"),
  ),
];

const hopByHop: readonly RequestCase[] = [
  ...[
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "TE: trailers",
    "TE: gzip;q=0.5",
    "Trailer: X-A",
    "Proxy-Authorization: Basic eA==",
    "Proxy-Authenticate: Basic",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
  ].map((field) => passed(`${field} is not passed on`, "9110 7.6.1", get(field, "X-B: 1"), seenGet("X-B: 1"))),
  passed(
    "an upgrade that is not asked for is not passed on",
    "9110 7.8",
    get("Upgrade: h2c", "X-B: 1"),
    seenGet("X-B: 1"),
  ),
  passed(
    "a listed field is not passed on",
    "9110 7.6.1",
    get("Connection: X-A", "X-A: 1", "X-B: 2"),
    seenGet("X-B: 2"),
  ),
  passed("a listed field in other letters", "9110 7.6.1", get("connection: x-a", "X-A: 1", "x-A: 2"), seenGet()),
  passed("a field listed behind it", "9110 7.6.1", get("X-A: 1", "Connection: close-not, X-A"), seenGet()),
  passed(
    "two Connection fields list two fields",
    "9110 7.6.1",
    get("Connection: x-a", "X-A: 1", "Connection: x-b", "X-B: 2"),
    {
      ...seenGet(),
    },
  ),
  passed("a listed field that is not there", "9110 7.6.1", get("Connection: x-none"), seenGet()),
  passed(
    "only the whole name is listed",
    "9110 7.6.1",
    get("Connection: x-a", "X-AB: 1", "X: 2"),
    seenGet("X-AB: 1", "X: 2"),
  ),
  passed(
    "Transfer-Encoding may be listed",
    "9110 7.6.1",
    post(["Transfer-Encoding: chunked", "Connection: transfer-encoding"], "1\r\na\r\n0\r\n\r\n"),
    seenPost("a"),
  ),
  ...[
    "Host",
    "Content-Length",
    "Authorization",
    "Cookie",
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "Content-Type",
    "Idempotency-Key",
    "X-Request-Id",
  ].map((name) =>
    refused(`${name} must not be listed`, "9110 7.6.1", get(`Connection: close, ${name}`, "Content-Length: 0")),
  ),
  refused("an option that is no token", "9110 7.6.1", get("Connection: x a")),
  refused("an option in quotes", "9110 7.6.1", get('Connection: "close"')),
  refused("options split by a semicolon", "9110 7.6.1", get("Connection: keep-alive; x")),
  refused(
    "seventeen listed names",
    "9110 7.6.1",
    get(`Connection: ${Array.from({ length: 17 }, (_, i) => `x${i}`).join(",")}`),
  ),
];

const expectations: readonly RequestCase[] = [
  passed(
    "100-continue with the body behind it",
    "9110 10.1.1",
    post(["Expect: 100-continue", "Content-Length: 2"], "ab"),
    {
      ...seenPost("ab"),
    },
  ),
  passed("100-Continue in other letters", "9110 10.1.1", post(["Expect: 100-Continue", "Content-Length: 2"], "ab"), {
    ...seenPost("ab"),
  }),
  passed("100-continue without a body", "9110 10.1.1", get("Expect: 100-continue"), seenGet()),
  passedLast(
    "100-continue in HTTP/1.0",
    "9110 10.1.1",
    `${lines("POST / HTTP/1.0", "Host: a", "Expect: 100-continue", "Content-Length: 2")}ab`,
    {
      ...seenPost("ab"),
    },
  ),
  refused("an unknown expectation", "9110 10.1.1", get("Expect: 200-ok"), 417),
  refused("an empty expectation", "9110 10.1.1", get("Expect:"), 417),
  refused("two expectations", "9110 10.1.1", get("Expect: 100-continue", "Expect: 100-continue"), 417),
  refused("a list of expectations", "9110 10.1.1", get("Expect: 100-continue, x"), 417),
];

const forwarding: readonly RequestCase[] = [
  ...[
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: b",
    "Forwarded: for=192.0.2.1",
    "X-Real-IP: 192.0.2.1",
    "X-Forwarded-Port: 443",
  ].map((field) =>
    passed(
      `${field.split(":")[0]} of a stranger is not passed on`,
      "7239 8.1",
      get(field, "X-B: 1"),
      seenGet("X-B: 1"),
    ),
  ),
  passed("a Via of others stays", "9110 7.6.3", get("Via: 1.0 b"), seenGet("Via: 1.0 b")),
];

export const connectionCases: readonly RequestCase[] = [
  ...lifetimes,
  ...pipelines,
  ...hopByHop,
  ...expectations,
  ...forwarding,
];
