/** The length of a request's body: RFC 9112 sections 6 and 11.2, RFC 9110 section 8.6. */
import { get, lines, passed, type RequestCase, refused, SMUGGLED, seenGet, seenPost } from "./case.ts";

/** Bodies that mean one thing to a reader of lengths and another to a reader of chunks. */
const clTe = (length: string, coding: string): string => post([length, coding], `0\r\n\r\n`);
const post = (fields: readonly string[], body = ""): string => lines("POST / HTTP/1.1", "Host: a", ...fields) + body;
const length = (value: string, body = "hello"): string => post([`Content-Length: ${value}`], body);
const coding = (value: string, body = "0\r\n\r\n"): string => post([`Transfer-Encoding: ${value}`], body);

const sound: readonly RequestCase[] = [
  passed("a body of five bytes", "9112 6.2", length("5"), seenPost("hello")),
  passed("no body where no field says so", "9112 6.3", post([]), seenPost("")),
  passed("an empty body", "9112 6.2", length("0", ""), seenPost("")),
  passed("leading zeros are no octal", "9110 8.6", length("0005"), seenPost("hello")),
  passed("a length of 15 digits", "9110 8.6", length("000000000000005"), seenPost("hello")),
  passed("blanks around the length", "9112 5.1", post(["Content-Length: \t5 \t"], "hello"), seenPost("hello")),
  passed("GET with a body", "9110 9.3.1", `${get("Content-Length: 5")}hello`, { ...seenGet(), body: "hello" }),
  passed("DELETE with a body", "9110 9.3.5", `${lines("DELETE / HTTP/1.1", "Host: a", "Content-Length: 2")}ab`, {
    line: "DELETE /",
    host: "a",
    fields: [],
    body: "ab",
  }),
  passed("a body that looks like a request", "9112 6.2", post([`Content-Length: ${SMUGGLED.length}`], SMUGGLED), {
    ...seenPost(SMUGGLED),
  }),
  passed(
    "a chunked body that looks like a request",
    "9112 6.1",
    coding("chunked", `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
    {
      ...seenPost(SMUGGLED),
    },
  ),
  passed("a body of line ends", "9112 6.2", length("4", "\r\n\r\n"), seenPost("\r\n\r\n")),
  passed("a chunked body", "9112 7.1", coding("chunked", "5\r\nhello\r\n0\r\n\r\n"), seenPost("hello")),
  passed("the coding in capitals", "9112 7", coding("CHUNKED"), seenPost("")),
  passed(
    "the coding with blanks around it",
    "9112 5.1",
    post(["Transfer-Encoding:\t chunked \t"], "0\r\n\r\n"),
    seenPost(""),
  ),
  passed("GET with a chunked body", "9110 9.3.1", `${get("Transfer-Encoding: chunked")}2\r\nab\r\n0\r\n\r\n`, {
    ...seenGet(),
    body: "ab",
  }),
  passed(
    "a body and a request behind it",
    "9112 9.3",
    `${length("5")}${get("X-A: 1")}`,
    seenPost("hello"),
    seenGet("X-A: 1"),
  ),
  passed("an empty line between two requests", "9112 2.2", `${length("5")}\r\n${get()}`, seenPost("hello"), seenGet()),
];

const lengths: readonly RequestCase[] = [
  ["a length with a plus", "+5"],
  ["a length with a minus", "-5"],
  ["a length in hexadecimal", "0x5"],
  ["a length with a fraction", "5.0"],
  ["a length with an exponent", "5e0"],
  ["a length with a letter behind it", "5a"],
  ["a length with a space in it", "5 5"],
  ["a length in quotes", '"5"'],
  ["an empty length", ""],
  ["a list of equal lengths", "5, 5"],
  ["a list of different lengths", "5, 6"],
  ["a list with an empty element", "5,"],
  ["a list that begins with an empty element", ",5"],
  ["a length with a semicolon", "5;"],
  ["a length with an underscore", "1_0"],
  ["a length of 16 digits", "0000000000000005"],
  ["a length above 2^64", "18446744073709551621"],
  ["a length above 2^32 by little, in 20 digits", "00000000004294967301"],
  ["a length of letters", "five"],
  ["a length of digits that are not ASCII", "\xb2"],
].map(([name, value]) => refused(name!, "9110 8.6", length(value!)));

const repeated: readonly RequestCase[] = [
  refused("two equal lengths", "9112 6.3", post(["Content-Length: 5", "Content-Length: 5"], "hello")),
  refused("two different lengths", "9112 6.3", post(["Content-Length: 5", "Content-Length: 6"], "hello")),
  refused("two lengths in different letters", "9112 6.3", post(["Content-Length: 0", "content-LENGTH: 5"], "hello")),
  refused(
    "two lengths with a field between them",
    "9112 6.3",
    post(["Content-Length: 5", "X: y", "Content-Length: 0"]),
  ),
  refused("two lengths of zero", "9112 6.3", post(["Content-Length: 0", "Content-Length: 0"])),
];

const both: readonly RequestCase[] = [
  refused("both fields, the length first", "9112 6.1", clTe("Content-Length: 5", "Transfer-Encoding: chunked")),
  refused("both fields, the coding first", "9112 6.1", clTe("Transfer-Encoding: chunked", "Content-Length: 5")),
  refused("both fields, the length zero", "9112 6.1", clTe("Content-Length: 0", "Transfer-Encoding: chunked")),
  refused("both fields, the coding unknown", "9112 6.1", clTe("Content-Length: 5", "Transfer-Encoding: x")),
  refused("both fields, the coding identity", "9112 6.1", clTe("Content-Length: 5", "Transfer-Encoding: identity")),
  refused("both fields, the length empty", "9112 6.1", clTe("Content-Length:", "Transfer-Encoding: chunked")),
  refused("both fields, the coding empty", "9112 6.1", clTe("Content-Length: 5", "Transfer-Encoding:")),
  refused("both fields in strange letters", "9112 6.1", clTe("cOnTeNt-LeNgTh: 5", "tRANSFER-eNCODING: cHUNKED")),
  refused("both fields, a tab before the coding", "9112 6.1", clTe("Content-Length: 5", "Transfer-Encoding:\tchunked")),
  refused(
    "both fields, and Connection strikes one out",
    "9112 6.1",
    post(["Content-Length: 5", "Transfer-Encoding: chunked", "Connection: Transfer-Encoding"], "0\r\n\r\n"),
  ),
];

const codings: readonly RequestCase[] = [
  refused("an unknown coding before chunked", "9112 6.1", coding("foo, chunked"), 501),
  refused("gzip before chunked", "9112 6.1", coding("gzip, chunked"), 501),
  refused("gzip before chunked without a space", "9112 6.1", coding("gzip,chunked"), 501),
  refused("identity before chunked", "9112 6.1", coding("identity, chunked"), 501),
  ...[
    ["gzip alone", "gzip"],
    ["identity", "identity"],
    ["chunked before another coding", "chunked, gzip"],
    ["chunked twice", "chunked, chunked"],
    ["an unknown coding that begins like chunked", "chunkedx"],
    ["an unknown coding that ends like chunked", "xchunked"],
    ["chunked with a parameter", "chunked;q=1"],
    ["chunked with an empty parameter", "chunked;"],
    ["chunked in quotes", '"chunked"'],
    ["chunked with a word before it", "x chunked"],
    ["chunked with a word behind it", "chunked x"],
    ["chunked behind an empty element", ", chunked"],
    ["chunked before an empty element", "chunked,"],
    ["an empty coding", ""],
    ["a comma", ","],
    ["a coding with a byte above ASCII", "chunked\xa0"],
    ["chunked split by a tab", "chun\tked"],
    ["a deprecated spelling", "x-chunked"],
  ].map(([name, value]) => refused(name!, "9112 6.3", coding(value!))),
  refused("two fields of chunked", "9112 6.1", post(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"])),
  refused("two fields, the first chunked", "9112 6.1", post(["Transfer-Encoding: chunked", "Transfer-Encoding: x"])),
  refused("two fields, the second chunked", "9112 6.1", post(["Transfer-Encoding: x", "Transfer-Encoding: chunked"])),
  refused("two fields, the first empty", "9112 6.1", post(["Transfer-Encoding:", "Transfer-Encoding: chunked"])),
  refused("a coding in HTTP/1.0", "9112 6.1", lines("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked")),
  refused(
    "a coding in HTTP/1.0 that would keep the connection",
    "9112 6.1",
    lines("POST / HTTP/1.0", "Host: a", "Connection: keep-alive", "Transfer-Encoding: chunked"),
  ),
  refused("a coding that is a header name", "9112 6.1", coding("Transfer-Encoding: chunked")),
];

export const framingCases: readonly RequestCase[] = [...sound, ...lengths, ...repeated, ...both, ...codings];
