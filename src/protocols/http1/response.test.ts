import { expect, test } from "bun:test";
import { Outcome } from "../../base/mod.ts";
import { BodyKind, defaultHttp1Limits, fieldText, MessageHead, Method, parseResponseHead, rangeText } from "./mod.ts";

const head = new MessageHead();
const parse = (text: string, method: number = Method.get): number => {
  const bytes = new Uint8Array(Buffer.from(text, "latin1"));
  return parseResponseHead(head, bytes, 0, bytes.length, defaultHttp1Limits, method);
};

test("an answer is taken apart", () => {
  const text = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
  expect(parse(`${text}hello`)).toBe(text.length);
  expect({
    status: head.status,
    reason: rangeText(head, head.reasonStart, head.reasonEnd),
    kind: head.bodyKind,
    length: head.contentLength,
    isKeepAlive: head.isKeepAlive,
    connection: fieldText(head, "Connection"),
    none: fieldText(head, "Date"),
  }).toEqual({
    status: 404,
    reason: "Not Found",
    kind: BodyKind.length,
    length: 5,
    isKeepAlive: false,
    connection: "close",
    none: undefined,
  });
});

test("the body's kind follows from the request's method, the status and the fields", () => {
  const kindOf = (status: number, fields: string, method: number = Method.get): number =>
    parse(`HTTP/1.1 ${status} x\r\n${fields}\r\n`, method) > 0 ? head.bodyKind : -1;
  expect([
    kindOf(200, "Content-Length: 5\r\n"),
    kindOf(200, "Content-Length: 0\r\n"),
    kindOf(200, "Transfer-Encoding: chunked\r\n"),
    kindOf(200, ""),
    kindOf(200, "Content-Length: 5\r\n", Method.head),
    kindOf(200, "", Method.connect),
    kindOf(304, "Content-Length: 5\r\n"),
    kindOf(204, ""),
    kindOf(100, ""),
    kindOf(204, "Content-Length: 5\r\n"),
  ]).toEqual([
    BodyKind.length,
    BodyKind.none,
    BodyKind.chunked,
    BodyKind.untilClose,
    BodyKind.none,
    BodyKind.none,
    BodyKind.none,
    BodyKind.none,
    BodyKind.none,
    -1,
  ]);
});

test("what is malformed and what is too large are told apart", () => {
  expect(parse("HTTP/1.1 2000 x\r\n\r\n")).toBe(-Outcome.upstreamMalformed);
  expect(parse(`HTTP/1.1 200 x\r\n${"a: b\r\n".repeat(101)}\r\n`)).toBe(-Outcome.upstreamHeadTooLarge);
  expect(parse(`HTTP/1.1 200 x\r\nA: ${"b".repeat(40_000)}`)).toBe(-Outcome.upstreamHeadTooLarge);
  expect(parse("HTTP/1.1 200 x\r\nA: b")).toBe(0);
});

test("an upgrade is one only with status 101, Connection and Upgrade", () => {
  expect(parse("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")).toBeGreaterThan(0);
  expect([head.hasUpgrade, head.isWebSocketUpgrade]).toEqual([true, true]);
  expect(parse("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n")).toBe(-Outcome.upstreamMalformed);
});
