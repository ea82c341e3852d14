import { expect, test } from "bun:test";
import {
  defaultHttp1Limits,
  FieldId,
  fieldMask,
  MessageHead,
  parseRequestHead,
  writeChunkSize,
  writeFields,
  writeHex,
  writeLastChunk,
  writeRequestLine,
  writeStatusLine,
} from "./mod.ts";

const out = new Uint8Array(1_024);
const written = (end: number): string => Buffer.from(out.subarray(0, end)).toString("latin1");
const head = new MessageHead();

function parse(text: string): void {
  const bytes = new Uint8Array(Buffer.from(text, "latin1"));
  expect(parseRequestHead(head, bytes, 0, bytes.length, defaultHttp1Limits)).toBe(bytes.length);
}

test("fields are copied in order without those that are skipped, each in its one form", () => {
  parse(
    "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B: 2\r\nCookie: c\r\nX-C:3\r\nX-D: \r\nConnection: x-e\r\nX-E: 5\r\nX-F: 6 \r\nX-G: 7\r\n\r\n",
  );
  const end = writeFields(head, fieldMask([FieldId.host, FieldId.cookie]), out, 0);
  expect(written(end)).toBe("X-A: 1\r\nX-B: 2\r\nX-C: 3\r\nX-D:\r\nX-F: 6\r\nX-G: 7\r\n");
  expect(end).toBeLessThanOrEqual(head.writtenBytesMax);
});

test("a length is written without leading zeros", () => {
  parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n");
  expect(written(writeFields(head, fieldMask([]), out, 0))).toBe("Host: a\r\nContent-Length: 0\r\n");
});

test("the target is written in the form a server gets", () => {
  const lineOf = (line: string): string => {
    parse(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return written(writeRequestLine(head, out, 0));
  };
  expect(
    ["GET /a?b", "GET http://a?b", "GET http://a", "OPTIONS http://a", "OPTIONS http://a?", "OPTIONS *"].map(lineOf),
  ).toEqual([
    "GET /a?b HTTP/1.1\r\n",
    "GET /?b HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "OPTIONS /? HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
  ]);
});

test("numbers and lines are written as the grammar has them", () => {
  expect([0, 9, 10, 15, 16, 255, 4_096, 2 ** 48 - 1].map((value) => written(writeHex(value, out, 0)))).toEqual(
    [0, 9, 10, 15, 16, 255, 4_096, 2 ** 48 - 1].map((value) => value.toString(16)),
  );
  expect(written(writeLastChunk(out, writeChunkSize(31, out, 0)))).toBe("1f\r\n0\r\n\r\n");
  expect(written(writeStatusLine(431, out, 0))).toBe("HTTP/1.1 431 Request Header Fields Too Large\r\n");
  expect(written(writeStatusLine(299, out, 0))).toBe("HTTP/1.1 299 \r\n");
});
