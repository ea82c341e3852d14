/** Field lines: RFC 9110 section 5, RFC 9112 section 5; and the limits on heads. */
import { byteName, get, passed, type RequestCase, refused, seenGet } from "./case.ts";

const raw = (fields: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `X-${index}: ${index}`);
/** A head of exactly so many bytes. */
const sized = (bytes: number): string => get(`X-A: ${"b".repeat(bytes - get("X-A: ").length)}`);

const sound: readonly RequestCase[] = [
  passed("a field is passed on as it is", "9110 5.1", get("X-A: b"), seenGet("X-A: b")),
  passed("no blank behind the colon", "9112 5.1", get("X-A:b"), seenGet("X-A: b")),
  passed("many blanks around the value", "9112 5.1", get("X-A: \t b \t "), seenGet("X-A: b")),
  passed("blanks within the value stay", "9110 5.5", get("X-A: b  c\td"), seenGet("X-A: b  c\td")),
  passed("an empty value", "9110 5.5", get("X-A:"), seenGet("X-A:")),
  passed("a value of blanks is empty", "9110 5.5", get("X-A:  \t "), seenGet("X-A:")),
  passed("a value of bytes above ASCII", "9110 5.5", get("X-A: \x80\xe9\xff"), seenGet("X-A: \x80\xe9\xff")),
  passed("every visible character in a value", "9110 5.5", get("X-A: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), {
    line: "GET /",
    host: "a",
    fields: ["X-A: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
  }),
  passed("every character a name may hold", "9110 5.6.2", get("!#$%&'*+-.^_`|~09azAZ: b"), {
    line: "GET /",
    host: "a",
    fields: ["!#$%&'*+-.^_`|~09azAZ: b"],
  }),
  passed("a name of one letter", "9110 5.1", get("a: b"), seenGet("a: b")),
  passed(
    "a value that looks like a field",
    "9110 5.5",
    get("X-A: Content-Length: 5"),
    seenGet("X-A: Content-Length: 5"),
  ),
  passed("a repeated field keeps its order", "9110 5.3", get("X-A: 1", "X-B: 2", "X-A: 3"), {
    line: "GET /",
    host: "a",
    fields: ["X-A: 1", "X-B: 2", "X-A: 3"],
  }),
  passed("a name that begins like a known one", "9110 5.1", get("Content-Lengths: 5"), seenGet("Content-Lengths: 5")),
  passed(
    "a name with an underscore is another name",
    "9110 5.1",
    get("Content_Length: 5"),
    seenGet("Content_Length: 5"),
  ),
  passed("a hundred fields", "9110 5.4", get(...many(99)), seenGet(...many(99))),
  passed(
    "a head of 32,768 bytes",
    "9110 5.4",
    sized(32_768),
    seenGet(`X-A: ${"b".repeat(32_768 - get("X-A: ").length)}`),
  ),
];

const wrong: readonly RequestCase[] = [
  refused("a space before the colon", "9112 5.1", raw("X-A : b")),
  refused("a tab before the colon", "9112 5.1", raw("X-A\t: b")),
  refused("a space before the colon of Content-Length", "9112 5.1", raw("Content-Length : 5")),
  refused("a space before the colon of Transfer-Encoding", "9112 5.1", raw("Transfer-Encoding : chunked")),
  refused("a space before the name", "9112 5.2", raw(" X-A: b")),
  refused("a folded line", "9112 5.2", raw("X-A: b\r\n c")),
  refused("a folded line with a tab", "9112 5.2", raw("X-A: b\r\n\tc")),
  refused("a folded empty line", "9112 5.2", raw("X-A: b\r\n ")),
  refused("a folded Transfer-Encoding", "9112 5.2", raw("Transfer-Encoding:\r\n chunked")),
  refused("a folded Content-Length", "9112 5.2", raw("Content-Length:\r\n 5")),
  refused("a fold with a bare LF", "9112 5.2", raw("X-A: b\n c")),
  refused("a line without a colon", "9112 5", raw("X-A")),
  refused("a line of a colon", "9112 5", raw(":")),
  refused("an empty name", "9112 5", raw(": b")),
  refused("a name with a space", "9110 5.1", raw("X A: b")),
  refused("a line ends with a bare LF", "9112 2.2", raw("X-A: b\nX-B: c")),
  refused("a line ends with a bare CR", "9112 2.2", raw("X-A: b\rX-B: c")),
  refused("a line ends with CR CR LF", "9112 2.2", raw("X-A: b\r\r\nX-B: c")),
  refused("a line ends with LF CR", "9112 2.2", raw("X-A: b\n\rX-B: c")),
  refused("the head ends with a bare LF", "9112 2.2", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
  refused("the head ends with two bare LFs", "9112 2.2", "GET / HTTP/1.1\r\nHost: a\n\n"),
  refused("the head ends with CR and another byte", "9112 2.2", "GET / HTTP/1.1\r\nHost: a\r\n\rX"),
  refused("a bare CR at the end of a value", "9112 2.2", raw("X-A: b\r\r\nX-B: c")),
  refused("a second empty header block hides a field", "9112 5", raw("X-A: b\r\n\x0b\r\nX-B: c")),
  refused("a name in quotes", "9110 5.1", raw('"X-A": b')),
  refused("a name with a byte above ASCII", "9110 5.1", raw("X-\xe9: b")),
  refused("Content-Length with a byte above ASCII before it", "9110 5.1", raw("\xa0Content-Length: 5")),
  refused("Transfer-Encoding with a vertical tab before its value", "9110 5.5", raw("Transfer-Encoding:\x0bchunked")),
  refused("Transfer-Encoding with a NUL behind its value", "9110 5.5", raw("Transfer-Encoding: chunked\0")),
  ...[0x00, 0x01, 0x08, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].map((byte) =>
    refused(`the byte ${byteName(byte)} in a value`, "9110 5.5", raw(`X-A: b${String.fromCharCode(byte)}c`)),
  ),
  ...Array.from('\0\x01"(),/;<=>?@[\\]{}\x7f\x80\xff', (character) =>
    refused(`the byte ${byteName(character.charCodeAt(0))} in a name`, "9110 5.6.2", raw(`X${character}A: b`)),
  ),
];

const limits: readonly RequestCase[] = [
  refused("a hundred and one fields", "6585 5", get(...many(100)), 431),
  refused("five thousand short fields", "6585 5", get(...Array.from({ length: 5_000 }, () => "a:")), 431),
  refused("a head of 32,769 bytes", "6585 5", sized(32_769), 431),
  refused("a value of 100,000 bytes", "6585 5", get(`X-A: ${"b".repeat(100_000)}`), 431),
  refused("a name of 100,000 bytes", "6585 5", get(`${"b".repeat(100_000)}: a`), 431),
  refused("blanks without end", "6585 5", get(`X-A:${" ".repeat(100_000)}`), 431),
];

export const fieldCases: readonly RequestCase[] = [...sound, ...wrong, ...limits];
