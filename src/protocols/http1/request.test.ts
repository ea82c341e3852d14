import { expect, test } from "bun:test";
import { Outcome } from "../../base/mod.ts";
import {
  BodyKind,
  defaultHttp1Limits,
  FieldId,
  fieldMask,
  fieldText,
  looksLikeHttp2Preface,
  MessageHead,
  Method,
  parseRequestHead,
  rangeText,
  TargetForm,
  writeFields,
  writeRequestLine,
} from "./mod.ts";

const head = new MessageHead();
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const parse = (text: string): number => {
  const bytes = bytesOf(text);
  return parseRequestHead(head, bytes, 0, bytes.length, defaultHttp1Limits);
};
const text = (from: number, to: number): string => rangeText(head, from, to);

test("a plain request is taken apart", () => {
  const message = "POST /orders?dry=1 HTTP/1.1\r\nHost: a.example:81\r\nContent-Length: 12\r\nX-A:  b \r\n\r\n";
  expect(parse(`\r\n${message}rest`)).toBe(message.length + 2);
  expect({
    method: head.methodId,
    form: head.targetForm,
    path: text(head.pathStart, head.pathEnd),
    query: text(head.pathEnd, head.queryEnd),
    authority: text(head.authorityStart, head.authorityEnd),
    host: text(head.authorityStart, head.authorityHostEnd),
    kind: head.bodyKind,
    length: head.contentLength,
    isKeepAlive: head.isKeepAlive,
    value: fieldText(head, "x-a"),
    start: head.start,
  }).toEqual({
    method: Method.post,
    form: TargetForm.origin,
    path: "/orders",
    query: "?dry=1",
    authority: "a.example:81",
    host: "a.example",
    kind: BodyKind.length,
    length: 12,
    isKeepAlive: true,
    value: "b",
    start: 2,
  });
});

test("an absolute target decides about the host, and the Host field is not passed on", () => {
  expect(
    parse("OPTIONS http://a HTTP/1.1\r\nHost: b\r\nConnection: close, x-y\r\nX-Y: 1\r\nX-Z:2\r\n\r\n"),
  ).toBeGreaterThan(0);
  expect(text(head.authorityStart, head.authorityEnd)).toBe("a");
  const out = new Uint8Array(256);
  const end = writeFields(head, fieldMask([FieldId.expect]), out, writeRequestLine(head, out, 0));
  expect(Buffer.from(out.subarray(0, end)).toString("latin1")).toBe("OPTIONS * HTTP/1.1\r\nX-Z: 2\r\n");
  expect(head.isKeepAlive).toBe(false);
});

test("what is ambiguous or malformed is refused with its outcome", () => {
  const get = "GET / HTTP/1.1\r\nHost: a\r\n";
  expect(parse(`${get}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`)).toBe(-Outcome.ambiguousFraming);
  expect(parse(`${get}Transfer-Encoding: gzip, chunked\r\n\r\n`)).toBe(-Outcome.transferCodingNotSupported);
  expect(parse("GET / HTTP/1.1\r\n\r\n")).toBe(-Outcome.badHost);
  expect(parse("GET / HTTP/1.2\r\nHost: a\r\n\r\n")).toBe(-Outcome.versionNotSupported);
  expect(parse(`${get}A : b\r\n\r\n`)).toBe(-Outcome.malformedRequest);
  expect(parse(`${get}Connection: host\r\n\r\n`)).toBe(-Outcome.malformedRequest);
  expect(parse(get)).toBe(0);
});

test("the preface of HTTP/2 is recognised from its first byte on", () => {
  const preface = bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  expect([1, 5, 24].map((to) => looksLikeHttp2Preface(preface, 0, to))).toEqual([true, true, true]);
  expect(looksLikeHttp2Preface(bytesOf("PUT /"), 0, 5)).toBe(false);
});

test("a head that comes byte by byte costs time in proportion to its size", () => {
  const message = `GET /${"a".repeat(4_000)} HTTP/1.1\r\nHost: a\r\nX-A: ${"b".repeat(8_000)}\r\n${"c: d\r\n".repeat(90)}\r\n`;
  let looks = 0;
  const counted = new Proxy(bytesOf(message), {
    get: (target, key) => {
      looks++;
      return Reflect.get(target, key, target);
    },
  });
  for (let to = 1; to < message.length; to++) {
    expect(parseRequestHead(head, counted, 0, to, defaultHttp1Limits, to - 1)).toBe(0);
  }
  expect(parseRequestHead(head, counted, 0, message.length, defaultHttp1Limits, message.length - 1)).toBe(
    message.length,
  );
  expect(looks / message.length).toBeLessThan(20);
});

test("a refused piece of a head does not wait for the rest", () => {
  const bytes = bytesOf("GET / HTTP/1.1\r\nHost: a\r\nX: y\0");
  expect(parseRequestHead(head, bytes, 0, bytes.length, defaultHttp1Limits, bytes.length - 1)).toBe(
    -Outcome.malformedRequest,
  );
});
