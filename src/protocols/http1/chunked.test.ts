import { expect, test } from "bun:test";
import { Outcome } from "../../base/mod.ts";
import { ChunkedReader, defaultHttp1Limits, fieldMask, MessageHead, writeFields } from "./mod.ts";

const limits = { ...defaultHttp1Limits, trailerBytesMax: 64, fieldsMax: 3 };
const reader = new ChunkedReader(limits);

/** Reads a body piece by piece; returns its data, the offset of its end, and how it ended. */
function read(text: string, pieceBytes = text.length): { data: string; end: number; isDone: boolean; error: number } {
  const bytes = new Uint8Array(Buffer.from(text, "latin1"));
  reader.reset(limits);
  let data = "";
  let at = 0;
  for (let to = pieceBytes; at < bytes.length && !reader.isDone && reader.error === 0; to += pieceBytes) {
    const limit = Math.min(to, bytes.length);
    while (at < limit && !reader.isDone && reader.error === 0) {
      at = reader.read(bytes, at, limit);
      data += Buffer.from(bytes.subarray(reader.dataStart, reader.dataEnd)).toString("latin1");
    }
  }
  return { data, end: at, isDone: reader.isDone, error: reader.error };
}

const body = '5;a="\\"x"\r\nhello\r\n6\r\n world\r\n0\r\nX-A: 1\r\nHost: b\r\n\r\nGET';

test("data, end and trailers are the same in pieces of any size", () => {
  for (let pieceBytes = 1; pieceBytes <= body.length; pieceBytes++) {
    expect(read(body, pieceBytes)).toEqual({ data: "hello world", end: body.length - 3, isDone: true, error: 0 });
    expect(reader.bodyBytes).toBe(11);
    const trailers = new MessageHead();
    const out = new Uint8Array(64);
    expect(reader.parseTrailers(trailers)).toBe(true);
    const written = writeFields(trailers, fieldMask([]), out, 0);
    expect(Buffer.from(out.subarray(0, written)).toString()).toBe("X-A: 1\r\n");
  }
});

test("a reader is clean after a reset", () => {
  read(body);
  read("5\r\nhel");
  expect(read("0\r\n\r\n")).toEqual({ data: "", end: 5, isDone: true, error: 0 });
  const trailers = new MessageHead();
  expect([reader.parseTrailers(trailers), trailers.fieldCount, reader.trailerBytes]).toEqual([true, 0, 0]);
});

test("what breaks the coding is an error and stays one", () => {
  expect(read("5\nhello").error).toBe(Outcome.malformedBody);
  expect(reader.read(new Uint8Array([0x30]), 0, 1)).toBe(0);
  expect([reader.isDone, reader.error]).toEqual([false, Outcome.malformedBody]);
});

test("trailers over the limits are an error", () => {
  expect(read(`0\r\nA: ${"b".repeat(100)}\r\n\r\n`).error).toBe(Outcome.headTooLarge);
  expect(read("0\r\na:b\r\na:b\r\na:b\r\na:b\r\n\r\n").isDone).toBe(true);
  expect(reader.parseTrailers(new MessageHead())).toBe(false);
});
