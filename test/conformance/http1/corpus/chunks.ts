/** The chunked coding: RFC 9112 section 7.1. */
import { byteName, passed, post, type RequestCase, refusedBody, type Seen, seenPost } from "./case.ts";

const chunked = (body: string, ...fields: readonly string[]): string =>
  post(["Transfer-Encoding: chunked", ...fields], body);
const pass = (name: string, section: string, body: string, seen: Seen): RequestCase =>
  passed(name, section, chunked(body), seen);
const refuse = (name: string, section: string, body: string, status = 400): RequestCase =>
  refusedBody(name, section, chunked(body), status);
const END = "0\r\n\r\n";

const sound: readonly RequestCase[] = [
  pass("an empty chunked body", "9112 7.1", END, seenPost("")),
  pass("two chunks", "9112 7.1", `5\r\nhello\r\n6\r\n world\r\n${END}`, seenPost("hello world")),
  pass("a size in small hexadecimal letters", "9112 7.1", `a\r\n0123456789\r\n${END}`, seenPost("0123456789")),
  pass("a size in capital hexadecimal letters", "9112 7.1", `A\r\n0123456789\r\n${END}`, seenPost("0123456789")),
  pass("a size with leading zeros", "9112 7.1", `0005\r\nhello\r\n${END}`, seenPost("hello")),
  pass("a last chunk of many zeros", "9112 7.1", "0000\r\n\r\n", seenPost("")),
  pass("data of line ends", "9112 7.1", `4\r\n\r\n\r\n\r\n${END}`, seenPost("\r\n\r\n")),
  pass("data that looks like the last chunk", "9112 7.1", `5\r\n0\r\n\r\n\r\n${END}`, seenPost("0\r\n\r\n")),
  pass("sixteen chunks of one byte", "9112 7.1", `${"1\r\nx\r\n".repeat(16)}${END}`, seenPost("x".repeat(16))),
  pass("an extension is dropped", "9112 7.1.1", `5;a\r\nhello\r\n${END}`, seenPost("hello")),
  pass("an extension with a value is dropped", "9112 7.1.1", `5;a=b\r\nhello\r\n${END}`, seenPost("hello")),
  pass("an extension with a quoted value", "9112 7.1.1", `5;a="b;\\"c"\r\nhello\r\n${END}`, seenPost("hello")),
  pass(
    "extensions with blanks between the parts",
    "9112 7.1.1",
    `5 ;\ta = b ; c\r\nhello\r\n${END}`,
    seenPost("hello"),
  ),
  pass("an extension of the last chunk", "9112 7.1.1", "0;a=b\r\n\r\n", seenPost("")),
  pass("small extensions of many chunks", "9112 7.1.1", `${"1;aaaaaaaaaaaaaaa\r\nx\r\n".repeat(100)}${END}`, {
    ...seenPost("x".repeat(100)),
  }),
  pass("an extension of 255 bytes", "9112 7.1.1", `5;${"a".repeat(254)}\r\nhello\r\n${END}`, seenPost("hello")),
  pass("a trailer field", "9112 7.1.2", "0\r\nX-Checksum: abc\r\n\r\n", {
    ...seenPost(""),
    trailers: ["X-Checksum: abc"],
  }),
  pass("trailer fields behind data", "9112 7.1.2", "2\r\nab\r\n0\r\nX-A:\t1 \r\nX-B: 2\r\n\r\n", {
    ...seenPost("ab"),
    trailers: ["X-A: 1", "X-B: 2"],
  }),
  ...[
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Host: b",
    "Authorization: Basic eA==",
    "Content-Type: text/html",
    "Cookie: a=b",
    "Connection: close",
    "X-Forwarded-For: 192.0.2.1",
    "Expect: 100-continue",
    "Cache-Control: no-store",
    "TE: trailers",
    "Upgrade: websocket",
  ].map((field) =>
    pass(`${field.split(":")[0]} in a trailer section is dropped`, "9110 6.5.1", `0\r\n${field}\r\nX-A: 1\r\n\r\n`, {
      ...seenPost(""),
      trailers: ["X-A: 1"],
    }),
  ),
];

const sizes: readonly RequestCase[] = [
  ["an empty size", "\r\nhello\r\n"],
  ["a size with 0x", "0x5\r\nhello\r\n"],
  ["a size with a plus", "+5\r\nhello\r\n"],
  ["a size with a minus", "-5\r\nhello\r\n"],
  ["a size with a space before it", " 5\r\nhello\r\n"],
  ["a size with a tab before it", "\t5\r\nhello\r\n"],
  ["a size with a space behind it", "5 \r\nhello\r\n"],
  ["a size with a tab behind it", "5\t\r\nhello\r\n"],
  ["a size with a letter behind F", "5g\r\nhello\r\n"],
  ["a size with an underscore", "1_0\r\nhello\r\n"],
  ["a size with a comma", "5,5\r\nhello\r\n"],
  ["a size in quotes", '"5"\r\nhello\r\n'],
  ["a size of 13 digits", "0000000000005\r\nhello\r\n"],
  ["a size of 2^64", "10000000000000000\r\n"],
  ["a size of 2^64 and five", "10000000000000005\r\nhello\r\n"],
  ["a size of 2^32 and five in 17 digits", "00000000100000005\r\nhello\r\n"],
  ["a size with a NUL", "5\0\r\nhello\r\n"],
  ["a size with a byte above ASCII", "5\xa0\r\nhello\r\n"],
].map(([name, body]) => refuse(name!, "9112 7.1", `${body}${END}`));

const lineEnds: readonly RequestCase[] = [
  ["a size that ends with a bare LF", `5\nhello\r\n${END}`],
  ["a size that ends with a bare CR", `5\rhello\r\n${END}`],
  ["a size that ends with CR CR LF", `5\r\r\nhello\r\n${END}`],
  ["data that ends with a bare LF", `5\r\nhello\n${END}`],
  ["data that ends with a bare CR", `5\r\nhello\r${END}`],
  ["data without a line end", `5\r\nhello${END}`],
  ["data longer than its size", `5\r\nhello!\r\n${END}`],
  ["data shorter than its size", `6\r\nhello\r\n${END}`],
  ["data with two bytes for its line end", `5\r\nhelloXX${END}`],
  ["a last chunk that ends with a bare LF", "0\n\r\n"],
  ["the body ends with a bare LF", "0\r\n\n"],
  ["the body ends with CR and another byte", "0\r\n\rX"],
  ["an extension that ends with a bare LF", `5;a\nhello\r\n${END}`],
  ["an extension hides a line end in quotes", `5;a="\r\nhello\r\n${END}`],
  ["an extension hides a bare LF in quotes", `5;a="\nhello"\r\nhello\r\n${END}`],
  ["a space before the last line end", "0\r\n \r\n"],
].map(([name, body]) => refuse(name!, "9112 7.1", body!));

const extensions: readonly RequestCase[] = [
  ["an extension without a name", "5;\r\nhello\r\n"],
  ["two semicolons", "5;;a\r\nhello\r\n"],
  ["an extension without its value", "5;a=\r\nhello\r\n"],
  ["an extension of two equals signs", "5;a==b\r\nhello\r\n"],
  ["an open quote", '5;a="b\r\nhello\r\n'],
  ["letters behind a quoted value", '5;a="b"c\r\nhello\r\n'],
  ["a blank behind the last extension", "5;a \r\nhello\r\n"],
  ["an extension of 257 bytes", `5;${"a".repeat(256)}\r\nhello\r\n`],
  ["an extension of 2,000 bytes", `5;${"a".repeat(2_000)}\r\nhello\r\n`],
  ["an extension of 200,000 bytes", `5;${"a".repeat(200_000)}\r\nhello\r\n`],
  ["an extension with a NUL", "5;a\0\r\nhello\r\n"],
  ["an extension with a comma", "5;a,b\r\nhello\r\n"],
].map(([name, body]) => refuse(name!, "9112 7.1.1", `${body}${END}`));

const trailers: readonly RequestCase[] = [
  refuse("a trailer line without a colon", "9112 7.1.2", "0\r\nX-A\r\n\r\n"),
  refuse("a space before the colon of a trailer", "9112 5.1", "0\r\nX-A : b\r\n\r\n"),
  refuse("a folded trailer", "9112 5.2", "0\r\nX-A: b\r\n c\r\n\r\n"),
  refuse("a trailer line that ends with a bare LF", "9112 2.2", "0\r\nX-A: b\n\r\n"),
  refuse("a trailer with an empty name", "9112 5", "0\r\n: b\r\n\r\n"),
  refuse("a request in place of the last line end", "9112 7.1.2", "0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
  refuse("trailers of 100,000 bytes", "6585 5", `0\r\nX-A: ${"b".repeat(100_000)}\r\n\r\n`, 431),
  refuse("a thousand trailers", "6585 5", `0\r\n${"a:b\r\n".repeat(1_000)}\r\n`, 431),
  ...[0x00, 0x0b, 0x7f].map((byte) =>
    refuse(`the byte ${byteName(byte)} in a trailer`, "9110 5.5", `0\r\nX-A: b${String.fromCharCode(byte)}\r\n\r\n`),
  ),
];

export const chunkCases: readonly RequestCase[] = [...sound, ...sizes, ...lineEnds, ...extensions, ...trailers];
