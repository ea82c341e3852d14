/** Answers of upstreams: RFC 9112 sections 4 and 6, RFC 9110 sections 6.4, 8.6 and 15. */
import { type AnswerCase, lines } from "./case.ts";

const DATE = "Date: Mon, 23 Nov 2026 22:41:17 GMT";
/** Behind every answer that is refused: another that an attacker hopes the next client gets. */
const POISON = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned";
const answer = (...fields: readonly string[]): string => lines("HTTP/1.1 200 OK", DATE, ...fields);

const refused = (name: string, section: string, bytes: string, more: Partial<AnswerCase> = {}): AnswerCase => ({
  name,
  section,
  answer: bytes + POISON,
  statuses: [502],
  keepsUpstream: false,
  ...more,
});
const passed = (
  name: string,
  section: string,
  bytes: string,
  body: string,
  more: Partial<AnswerCase> = {},
): AnswerCase => ({
  name,
  section,
  answer: bytes,
  statuses: [200],
  body,
  keepsUpstream: true,
  ...more,
});

const sound: readonly AnswerCase[] = [
  passed("a length", "9112 6.2", `${answer("Content-Length: 5")}hello`, "hello"),
  passed("an empty body", "9112 6.2", answer("Content-Length: 0"), ""),
  passed("chunks", "9112 7.1", `${answer("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`, "hello"),
  passed(
    "chunks with extensions",
    "9112 7.1.1",
    `${answer("Transfer-Encoding: chunked")}5;a=b\r\nhello\r\n0\r\n\r\n`,
    "hello",
  ),
  passed("chunks with a trailer", "9112 7.1.2", `${answer("Transfer-Encoding: chunked")}0\r\nX-A: 1\r\n\r\n`, "", {
    trailers: ["X-A: 1"],
  }),
  passed(
    "a trailer that frames is dropped",
    "9110 6.5.1",
    `${answer("Transfer-Encoding: chunked")}0\r\nContent-Length: 9\r\nX-A: 1\r\n\r\n`,
    "",
    {
      trailers: ["X-A: 1"],
    },
  ),
  passed("a body until the end of the connection", "9112 6.3", `${answer()}hello`, "hello", {
    upstreamCloses: true,
    keepsUpstream: false,
  }),
  passed("HTTP/1.0 until the end of the connection", "9112 6.3", `${lines("HTTP/1.0 200 OK", DATE)}hello`, "hello", {
    upstreamCloses: true,
    keepsUpstream: false,
  }),
  passed("HTTP/1.0 with a length", "9112 9.3", `${lines("HTTP/1.0 200 OK", DATE, "Content-Length: 5")}hello`, "hello", {
    keepsUpstream: false,
  }),
  passed(
    "HTTP/1.0 with keep-alive",
    "9112 9.3",
    `${lines("HTTP/1.0 200 OK", DATE, "Connection: keep-alive", "Content-Length: 5")}hello`,
    "hello",
  ),
  passed(
    "close ends the upstream's connection only",
    "9112 9.6",
    `${answer("Connection: close", "Content-Length: 5")}hello`,
    "hello",
    {
      keepsUpstream: false,
      without: ["connection"],
    },
  ),
  passed(
    "chunks for a client of HTTP/1.0",
    "9112 7.1",
    `${answer("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`,
    "hello",
    {
      isOldClient: true,
      without: ["transfer-encoding"],
    },
  ),
  passed("HEAD with a length has no body", "9110 9.3.2", answer("Content-Length: 5"), "", {
    method: "HEAD",
    fields: ["content-length: 5"],
  }),
  passed("HEAD with chunks has no body", "9110 9.3.2", answer("Transfer-Encoding: chunked"), "", { method: "HEAD" }),
  passed("HEAD without a length has no body", "9110 9.3.2", answer(), "", { method: "HEAD" }),
  passed("204", "9110 15.3.5", lines("HTTP/1.1 204 No Content", DATE), "", { statuses: [204] }),
  passed("204 that says zero", "9110 8.6", lines("HTTP/1.1 204 No Content", DATE, "Content-Length: 0"), "", {
    statuses: [204],
    without: ["content-length"],
  }),
  passed(
    "304 with the length of what it stands for",
    "9110 15.4.5",
    lines("HTTP/1.1 304 Not Modified", DATE, "Content-Length: 100"),
    "",
    {
      statuses: [304],
      fields: ["content-length: 100"],
    },
  ),
  passed("205 with an empty body", "9110 15.3.6", lines("HTTP/1.1 205 Reset Content", DATE, "Content-Length: 0"), "", {
    statuses: [205],
  }),
  passed(
    "103 before the answer",
    "8297 2",
    `${lines("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload")}${answer("Content-Length: 2")}ok`,
    "ok",
    {
      statuses: [103, 200],
    },
  ),
  passed(
    "three interim answers",
    "9110 15.2",
    `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(3)}${answer("Content-Length: 2")}ok`,
    "ok",
    {
      statuses: [102, 102, 102, 200],
    },
  ),
  passed(
    "an interim answer for a client of HTTP/1.0",
    "9110 15.2",
    `${lines("HTTP/1.1 103 Early Hints")}${answer("Content-Length: 2")}ok`,
    "ok",
    {
      isOldClient: true,
    },
  ),
  passed("no reason", "9112 4", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "ok"),
  passed("no reason and no space", "9112 4", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"),
  passed(
    "no reason, no space, and nothing else to change",
    "9112 4",
    lines("HTTP/1.1 200", DATE, "Content-Length: 0"),
    "",
  ),
  passed("a reason of bytes above ASCII", "9112 4", "HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 2\r\n\r\nok", "ok"),
  passed("an unregistered status", "9110 15", lines("HTTP/1.1 299 Odd", DATE, "Content-Length: 0"), "", {
    statuses: [299],
  }),
  passed("the last status", "9110 15", lines("HTTP/1.1 599 Odd", DATE, "Content-Length: 0"), "", { statuses: [599] }),
  passed(
    "hop-by-hop fields are not passed on",
    "9110 7.6.1",
    answer("Connection: X-A", "X-A: 1", "Keep-Alive: timeout=5", "Content-Length: 0", "X-B: 2"),
    "",
    {
      fields: ["x-b: 2"],
      without: ["x-a", "keep-alive"],
    },
  ),
  passed("a length with leading zeros is written anew", "9110 8.6", `${answer("Content-Length: 005")}hello`, "hello", {
    fields: ["content-length: 5"],
  }),
  passed("blanks around values are not passed on", "9112 5.1", `${answer("X-A:  \t1 ", "Content-Length:2")}ok`, "ok", {
    fields: ["x-a: 1", "content-length: 2"],
  }),
];

const statusLines: readonly AnswerCase[] = [
  ["another protocol", "ICY 200 OK"],
  ["a version in small letters", "http/1.1 200 OK"],
  ["HTTP/2.0", "HTTP/2.0 200 OK"],
  ["HTTP/1.2", "HTTP/1.2 200 OK"],
  ["a status of two digits", "HTTP/1.1 20 OK"],
  ["a status of four digits", "HTTP/1.1 2000 OK"],
  ["a status of 099", "HTTP/1.1 099 OK"],
  ["a status of 600", "HTTP/1.1 600 OK"],
  ["a status with a letter", "HTTP/1.1 2x0 OK"],
  ["a status with a sign", "HTTP/1.1 +20 OK"],
  ["two spaces before the status", "HTTP/1.1  200 OK"],
  ["a tab before the status", "HTTP/1.1\t200 OK"],
  ["a tab behind the status", "HTTP/1.1 200\tOK"],
  ["a NUL in the reason", "HTTP/1.1 200 O\0K"],
  ["a bare CR in the reason", "HTTP/1.1 200 O\rK"],
  ["a line before the status line", "\r\nHTTP/1.1 200 OK"],
].map(([name, line]) => refused(name!, "9112 4", lines(line!, "Content-Length: 0")));

const heads: readonly AnswerCase[] = [
  refused(
    "both length and coding",
    "9112 6.3",
    `${answer("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  ),
  refused("two lengths", "9112 6.3", answer("Content-Length: 0", "Content-Length: 0")),
  refused("a list of lengths", "9112 6.3", answer("Content-Length: 0, 0")),
  refused("a length with a sign", "9110 8.6", answer("Content-Length: +0")),
  refused("an empty length", "9110 8.6", answer("Content-Length:")),
  refused("a length of 16 digits", "9110 8.6", answer("Content-Length: 9999999999999999")),
  refused("an unknown coding", "9112 6.1", answer("Transfer-Encoding: gzip, chunked")),
  refused("chunked that is not last", "9112 6.3", answer("Transfer-Encoding: chunked, gzip")),
  refused("two codings", "9112 6.1", answer("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
  refused("a coding in HTTP/1.0", "9112 6.1", lines("HTTP/1.0 200 OK", "Transfer-Encoding: chunked")),
  refused(
    "both length and coding in an answer to HEAD",
    "9112 6.1",
    answer("Content-Length: 5", "Transfer-Encoding: chunked"),
    {
      method: "HEAD",
    },
  ),
  refused("204 with a length", "9110 8.6", lines("HTTP/1.1 204 No Content", "Content-Length: 5")),
  refused("204 with a coding", "9112 6.1", lines("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked")),
  refused("an interim answer with a length", "9110 8.6", lines("HTTP/1.1 103 Early Hints", "Content-Length: 5")),
  refused(
    "101 that was not asked for",
    "9110 15.2.2",
    lines("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: x"),
  ),
  refused("101 without an upgrade", "9110 15.2.2", lines("HTTP/1.1 101 Switching Protocols")),
  refused("a folded line", "9112 5.2", answer("X-A: b\r\n c", "Content-Length: 0")),
  refused("a space before the colon", "9112 5.1", answer("X-A : b", "Content-Length: 0")),
  refused("a bare LF", "9112 2.2", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
  refused("a NUL in a value", "9110 5.5", answer("X-A: \0", "Content-Length: 0")),
  refused("a line without a colon", "9112 5", answer("X-A", "Content-Length: 0")),
  refused(
    "Content-Length listed in Connection",
    "9110 7.6.1",
    answer("Connection: content-length", "Content-Length: 0"),
  ),
  refused("a head without end", "6585 5", answer(`X-A: ${"b".repeat(200_000)}`)),
  refused("a thousand fields", "6585 5", answer(...Array.from({ length: 1_000 }, () => "a: b"))),
  refused("the connection ends within the head", "9112 8", "HTTP/1.1 200 OK\r\nContent-", {
    upstreamCloses: true,
    answer: "HTTP/1.1 200 OK\r\nContent-",
  }),
  refused("the connection ends before an answer", "9112 8", "", { upstreamCloses: true, answer: "", method: "POST" }),
];

const bodies: readonly AnswerCase[] = [
  {
    name: "bytes behind a body end the upstream's connection",
    section: "9112 9.2",
    answer: `${answer("Content-Length: 2")}ok${POISON}`,
    statuses: [200],
    body: "ok",
    keepsUpstream: false,
  },
  {
    name: "bytes behind a 204 end the upstream's connection",
    section: "9112 6.3",
    answer: `${lines("HTTP/1.1 204 No Content", DATE)}${POISON}`,
    statuses: [204],
    body: "",
    keepsUpstream: false,
  },
  {
    name: "a body behind an answer to HEAD ends the upstream's connection",
    section: "9112 6.3",
    method: "HEAD",
    answer: `${answer("Content-Length: 5")}hello`,
    statuses: [200],
    body: "",
    keepsUpstream: false,
  },
  ...[
    ["the connection ends within a body", `${answer("Content-Length: 10")}hello`],
    ["the connection ends within chunks", `${answer("Transfer-Encoding: chunked")}5\r\nhello\r\n`],
    ["the connection ends before the last line end", `${answer("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n`],
  ].map(
    ([name, bytes]): AnswerCase => ({
      name: name!,
      section: "9112 8",
      answer: bytes!,
      upstreamCloses: true,
      statuses: [200],
      isCut: true,
      keepsUpstream: false,
    }),
  ),
  ...[
    ["a chunk size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a chunk that ends with a bare LF", "5\r\nhello\n0\r\n\r\n"],
    ["a chunk size that ends with a bare LF", "5\nhello\r\n0\r\n\r\n"],
    ["a chunk longer than its size", "5\r\nhello!\r\n0\r\n\r\n"],
    ["a trailer with a space before its colon", "0\r\nX-A : b\r\n\r\n"],
  ].map(
    ([name, body]): AnswerCase => ({
      name: name!,
      section: "9112 7.1",
      answer: `${answer("Transfer-Encoding: chunked")}${body}${POISON}`,
      statuses: [200],
      isCut: true,
      keepsUpstream: false,
    }),
  ),
];

export const answerCases: readonly AnswerCase[] = [...sound, ...statusLines, ...heads, ...bodies];
