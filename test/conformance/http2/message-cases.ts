/** RFC 9113 §8 and RFC 8441: what a request must be, each rule broken once, each border kept once. */
import { answers, type Case, Code, resets } from "./case.ts";
import { block, continuation, data, F, type Fields, frame, get, headers, open, post, Type } from "./raw.ts";

const [method, scheme, authority, path] = get as unknown as readonly (readonly [string, string])[];
const without = (name: string): Fields => get.filter(([key]) => key !== name);
const withValue = (name: string, value: string, from: Fields = get): Fields =>
  from.map(([key, old]) => [key, key === name ? value : old]);
const plus = (...more: Fields): Fields => [...get, ...more];

/** A GET with these fields is malformed. */
const malformed = (name: string, fields: Fields): Case => resets(name, 1, Code.protocol, headers(1, fields));
const fine = (name: string, fields: Fields): Case => answers(name, [1], headers(1, fields));

const pseudo: readonly Case[] = [
  malformed("8.3.1: no :method", without(":method")),
  malformed("8.3.1: no :scheme", without(":scheme")),
  malformed("8.3.1: no :path", without(":path")),
  malformed("8.3.1: no authority and no Host", without(":authority")),
  malformed("8.3: :method twice", [method!, ...get]),
  malformed("8.3: :scheme twice", [scheme!, ...get]),
  malformed("8.3: :path twice", [path!, ...get]),
  malformed("8.3: :authority twice", [authority!, ...get]),
  malformed("8.3: an unknown pseudo-field", [[":unknown", "a"], ...get]),
  malformed("8.3: a pseudo-field of answers", [[":status", "200"], ...get]),
  malformed("8.3: a pseudo-field of no name", [[":", "a"], ...get]),
  malformed("8.3: a pseudo-field in uppercase", [[":Method", "GET"], ...without(":method")]),
  malformed("8.3: a pseudo-field behind a regular one", [...without(":path"), ["x", "y"], path!]),
  malformed("8.3: :authority behind a regular field", [...without(":authority"), ["x", "y"], authority!]),
  malformed("8.3.1: an empty :path", withValue(":path", "")),
  malformed("8.3.1: a :path that does not start with a slash", withValue(":path", "a")),
  malformed("8.3.1: a :path in absolute form", withValue(":path", "http://a.example/")),
  malformed("8.3.1: an asterisk that is not for OPTIONS", withValue(":path", "*")),
  malformed("8.3.1: a :path with a fragment", withValue(":path", "/a#b")),
  malformed("8.3.1: a :path with a space", withValue(":path", "/a b")),
  malformed("8.3.1: a :path with CR LF", withValue(":path", "/ HTTP/1.1\r\nX: y")),
  malformed("8.3.1: a :path with NUL", withValue(":path", "/\u0000")),
  malformed("8.3.1: a :path with a byte over 127", withValue(":path", "/\u00e4")),
  malformed("8.3.1: a :path with half a percent sign", withValue(":path", "/%4")),
  malformed("8.3.1: an empty :method", withValue(":method", "")),
  malformed("8.3.1: a :method with a space", withValue(":method", "GET / HTTP/1.1")),
  malformed("8.3.1: a :method with a colon", withValue(":method", "GET:")),
  malformed("8.3.1: a :scheme that is not http", withValue(":scheme", "ftp")),
  malformed("8.3.1: a :scheme with CR LF", withValue(":scheme", "http\r\n")),
  malformed("8.3.1: an empty :scheme", withValue(":scheme", "")),
  malformed("8.3.1: an :authority with user information", withValue(":authority", "user@a.example")),
  malformed("8.3.1: an empty :authority", withValue(":authority", "")),
  malformed("8.3.1: an :authority with a slash", withValue(":authority", "a.example/b")),
  malformed("8.3.1: an :authority with a space", withValue(":authority", "a example")),
  malformed("8.3.1: an :authority with a port that is no number", withValue(":authority", "a.example:x")),
  malformed("8.3.1: an :authority with a port over 65,535", withValue(":authority", "a.example:65536")),
  malformed("8.3.1: Host that differs from :authority", plus(["host", "b.example"])),
  malformed("8.3.1: Host twice beside :authority", plus(["host", "a.example"], ["host", "a.example"])),
  malformed("8.3.1: Host twice without :authority", [
    ...without(":authority"),
    ["host", "a.example"],
    ["host", "a.example"],
  ]),
  malformed("8.3.1: a malformed Host without :authority", [...without(":authority"), ["host", "a b"]]),
  fine("8.3.1: Host that is :authority in other letters", plus(["host", "A.example"])),
  fine("8.3.1: Host instead of :authority", [...without(":authority"), ["host", "a.example"]]),
  fine("8.3.1: an :authority with a port", withValue(":authority", "a.example:8080")),
  fine("8.3.1: an :authority that is an IPv6 address", withValue(":authority", "[::1]:8080")),
  fine("8.3.1: a :path with a query", withValue(":path", "/?a=b&c=%20/?")),
  fine("8.3.1: pseudo-fields in another order", [path!, authority!, scheme!, method!]),
  {
    name: "8.3.1: OPTIONS of the whole server",
    steps: [headers(1, withValue(":method", "OPTIONS", withValue(":path", "*")))],
    expect: { answers: { 1: {} } },
  },
];

const fields: readonly Case[] = [
  malformed("8.2.1: an uppercase letter in a name", plus(["X-Name", "a"])),
  malformed("8.2.1: an uppercase last letter in a name", plus(["x-namE", "a"])),
  malformed("8.2.1: an empty name", plus(["", "a"])),
  malformed("8.2.1: a space in a name", plus(["x name", "a"])),
  malformed("8.2.1: a colon in a name", plus(["x:name", "a"])),
  malformed("8.2.1: a colon at the end of a name", plus(["transfer-encoding:", "chunked"])),
  malformed("8.2.1: NUL in a name", plus(["x\u0000", "a"])),
  malformed("8.2.1: CR LF in a name", plus(["x: y\r\nz", "a"])),
  malformed("8.2.1: DEL in a name", plus(["x\u007f", "a"])),
  malformed("8.2.1: a byte over 127 in a name", plus(["x\u00e4", "a"])),
  malformed("8.2.1: NUL in a value", plus(["x", "a\u0000b"])),
  malformed("8.2.1: LF in a value", plus(["x", "a\nb"])),
  malformed("8.2.1: CR in a value", plus(["x", "a\rb"])),
  malformed("8.2.1: a second request in a value", plus(["x", "a\r\n\r\nGET /admin HTTP/1.1\r\n"])),
  malformed("8.2.1: a control byte in a value", plus(["x", "a\u0001b"])),
  malformed("8.2.1: DEL in a value", plus(["x", "a\u007f"])),
  malformed("8.2.1: a space before a value", plus(["x", " a"])),
  malformed("8.2.1: a tab before a value", plus(["x", "\ta"])),
  malformed("8.2.1: a space behind a value", plus(["x", "a "])),
  malformed("8.2.1: a tab behind a value", plus(["x", "a\t"])),
  malformed("8.2.1: a value of one space", plus(["x", " "])),
  malformed("8.2.2: Connection", plus(["connection", "keep-alive"])),
  malformed("8.2.2: Keep-Alive", plus(["keep-alive", "timeout=5"])),
  malformed("8.2.2: Proxy-Connection", plus(["proxy-connection", "keep-alive"])),
  malformed("8.2.2: Transfer-Encoding", plus(["transfer-encoding", "chunked"])),
  malformed("8.2.2: Upgrade", plus(["upgrade", "websocket"])),
  malformed("8.2.2: TE with a coding", plus(["te", "gzip"])),
  malformed("8.2.2: TE with trailers and a coding", plus(["te", "trailers, deflate;q=0.5"])),
  malformed("8.2.2: an empty TE", plus(["te", ""])),
  fine("8.2.2: TE with trailers", plus(["te", "trailers"])),
  fine("8.2.1: an empty value", plus(["x", ""])),
  fine("8.2.1: blanks and bytes over 127 within a value", plus(["x", "a \t\u00e4 b"])),
  fine("8.2.1: every character of a token in a name", plus(["!#$%&'*+-.^_`|~09az", "a"])),
  fine("8.2.3: cookies that come apart", plus(["cookie", "a=1"], ["cookie", "b=2"], ["x", "y"], ["cookie", "c=3"])),
  fine("8.2: a field that comes many times", plus(["x", "1"], ["x", "2"], ["x", "3"])),
];

const bodies: readonly Case[] = [
  resets(
    "8.1.1: a Content-Length above the body",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "4"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a Content-Length below the body",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "2"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a Content-Length below the body's first frames",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "2"]]),
    data(1, "a", 0),
    data(1, "bc", 0),
  ),
  resets("8.1.1: a Content-Length without a body", 1, Code.protocol, headers(1, [...post, ["content-length", "2"]])),
  resets(
    "8.1.1: a Content-Length above the body, ended by trailers",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "4"]]),
    data(1, "abc", 0),
    headers(1, [["x", "y"]]),
  ),
  resets(
    "8.1.1: Content-Length twice",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "3"], ["content-length", "3"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: two values in a Content-Length",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "3, 3"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a Content-Length with a sign",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "+3"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a negative Content-Length",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "-1"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a hexadecimal Content-Length",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "0x3"]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: an empty Content-Length",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", ""]]),
    data(1, "abc"),
  ),
  resets(
    "8.1.1: a Content-Length over any number",
    1,
    Code.protocol,
    open(1, [...post, ["content-length", "99999999999999999999"]]),
    data(1, "abc"),
  ),
  answers(
    "8.1.1: a Content-Length of zero with an empty body",
    [1],
    open(1, [...post, ["content-length", "0"]]),
    data(1),
  ),
  answers(
    "8.1.1: a Content-Length that is the body's",
    [1],
    open(1, [...post, ["content-length", "3"]]),
    data(1, "abc"),
  ),
  answers(
    "8.1.1: a body ended by an empty frame",
    [1],
    open(1, [...post, ["content-length", "3"]]),
    data(1, "abc", 0),
    data(1),
  ),
  answers("8.1: a body of no known length", [1], open(1), data(1, "abc", 0), data(1, "def")),
  answers("8.1: trailers behind a body", [1], open(1), data(1, "abc", 0), headers(1, [["x-sum", "1"]])),
  answers("8.1: trailers without a body", [1], open(1), headers(1, [["x-sum", "1"]])),
  answers(
    "8.1: trailers over two frames",
    [1],
    open(1),
    frame(Type.headers, F.end, 1, block([["x-sum", "1"]]).subarray(0, 3)),
    continuation(1, block([["x-sum", "1"]]).subarray(3)),
  ),
  resets(
    "8.1: trailers that do not end the stream",
    1,
    Code.protocol,
    open(1),
    data(1, "abc", 0),
    headers(1, [["x-sum", "1"]], F.endHeaders),
  ),
  resets("8.1: a pseudo-field in trailers", 1, Code.protocol, open(1), headers(1, [[":path", "/"]])),
  resets("8.1: an uppercase name in trailers", 1, Code.protocol, open(1), headers(1, [["X-Sum", "1"]])),
  resets(
    "8.1: Transfer-Encoding in trailers",
    1,
    Code.protocol,
    open(1),
    headers(1, [["transfer-encoding", "chunked"]]),
  ),
  resets("8.1: CR LF in a value in trailers", 1, Code.protocol, open(1), headers(1, [["x-sum", "1\r\ny: z"]])),
];

const connect: Fields = [
  [":method", "CONNECT"],
  [":protocol", "websocket"],
  [":scheme", "http"],
  [":path", "/chat"],
  [":authority", "a.example"],
];

const tunnels: readonly Case[] = [
  resets(
    "8.5: CONNECT with :scheme",
    1,
    Code.protocol,
    open(1, [
      [":method", "CONNECT"],
      [":authority", "a.example:80"],
      [":scheme", "http"],
    ]),
  ),
  resets(
    "8.5: CONNECT with :path",
    1,
    Code.protocol,
    open(1, [
      [":method", "CONNECT"],
      [":authority", "a.example:80"],
      [":path", "/"],
    ]),
  ),
  resets("8.5: CONNECT without :authority", 1, Code.protocol, open(1, [[":method", "CONNECT"]])),
  resets(
    "8.5: CONNECT without a port",
    1,
    Code.protocol,
    open(1, [
      [":method", "CONNECT"],
      [":authority", "a.example"],
    ]),
  ),
  resets("RFC 8441 4: :protocol without CONNECT", 1, Code.protocol, headers(1, [[":protocol", "websocket"], ...get])),
  resets(
    "RFC 8441 4: extended CONNECT without :scheme",
    1,
    Code.protocol,
    open(
      1,
      connect.filter(([name]) => name !== ":scheme"),
    ),
  ),
  resets(
    "RFC 8441 4: extended CONNECT without :path",
    1,
    Code.protocol,
    open(
      1,
      connect.filter(([name]) => name !== ":path"),
    ),
  ),
  resets(
    "RFC 8441 4: extended CONNECT without :authority",
    1,
    Code.protocol,
    open(
      1,
      connect.filter(([name]) => name !== ":authority"),
    ),
  ),
  resets(
    "RFC 8441 4: extended CONNECT with Upgrade",
    1,
    Code.protocol,
    open(1, [...connect, ["upgrade", "websocket"]]),
  ),
  resets("RFC 8441 4: :protocol twice", 1, Code.protocol, open(1, [[":protocol", "websocket"], ...connect])),
];

/** Over the limit we announce: answered with 431 (RFC 9113 §10.5.1), and the connection lives. */
const large: readonly Case[] = [
  {
    name: "10.5.1: a list over SETTINGS_MAX_HEADER_LIST_SIZE",
    steps: [
      frame(Type.headers, F.end, 1, block(plus(["x", "a".repeat(16_000)])).subarray(0, 16_000)),
      continuation(1, block(plus(["x", "a".repeat(16_000)])).subarray(16_000), 0),
      continuation(1, block([["y", "b".repeat(16_300)]]), 0),
      continuation(1, block([["z", "c".repeat(8000)]])),
    ],
    expect: { answers: { 1: { status: 431 } } },
  },
  {
    name: "10.5.1: more fields than are kept",
    steps: [headers(1, plus(...Array.from({ length: 200 }, (_, i) => [`x-${i}`, "a"] as const)))],
    expect: { answers: { 1: { status: 431 } } },
  },
];

export const messageCases: readonly Case[] = [...pseudo, ...fields, ...bodies, ...tunnels, ...large];
