import { expect, test } from "bun:test";
import { latin1, Random } from "../base/mod.ts";
import {
  continueTraceparent,
  IdLines,
  isRequestId,
  isSampled,
  isTraceparent,
  requestIdLength,
  traceparentLength,
  writeRequestId,
  writeTraceparent,
} from "./trace.ts";

const example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function accepts(text: string): boolean {
  const bytes = latin1(`xy${text}zz`);
  return isTraceparent(bytes, 2, 2 + text.length);
}

test("valid trace parents are accepted, also of later versions with more fields", () => {
  const good = [example, example.replace(/01$/, "00"), `cc${example.slice(2)}`, `cc${example.slice(2)}-more`];
  expect(good.map(accepts)).toEqual(good.map(() => true));
});

test("anything the standard forbids is refused", () => {
  const bad = [
    "",
    example.slice(0, -1),
    `${example}0`,
    `${example}-more`,
    `ff${example.slice(2)}`,
    `0g${example.slice(2)}`,
    `cc${example.slice(2)}more`,
    example.toUpperCase(),
    example.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
    example.replace("b7ad6b7169203331", "0".repeat(16)),
    example.replace("-b7", "_b7"),
    example.replace("-01", "-0x"),
    example.replace("0af7", "0aF7"),
  ];
  expect(bad.map((text) => [text, accepts(text)])).toEqual(bad.map((text) => [text, false]));
});

test("every byte changed to one outside the grammar is noticed", () => {
  for (let offset = 0; offset < example.length; offset++) {
    expect(accepts(`${example.slice(0, offset)}!${example.slice(offset + 1)}`)).toBe(false);
  }
});

test("a new trace is valid, at the asked offset, and no two are the same", () => {
  const random = new Random(3);
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const out = new Uint8Array(64).fill(0x2e);
    const end = writeTraceparent(out, 4, random, i % 2 === 0);
    const text = Buffer.from(out).toString("latin1");
    expect([end, text.slice(0, 4), text.slice(59)]).toEqual([4 + traceparentLength, "....", "....."]);
    expect([isTraceparent(out, 4, end), isSampled(out, 4)]).toEqual([true, i % 2 === 0]);
    seen.add(text);
  }
  expect(seen.size).toBe(1000);
});

test("a continued trace keeps the trace id and the known flags and has its own parent id", () => {
  const out = new Uint8Array(traceparentLength);
  expect(continueTraceparent(latin1(`cc${example.slice(2, -2)}ff`), 0, out, 0, new Random(1))).toBe(traceparentLength);
  const text = Buffer.from(out).toString("latin1");
  expect([text.slice(0, 36), text.slice(52)]).toEqual([example.slice(0, 36), "-03"]);
  expect([accepts(text), text.includes("b7ad6b7169203331")]).toEqual([true, false]);
});

test("request ids are twenty plain characters, different each time, and may come from outside when harmless", () => {
  const random = new Random(9);
  const out = new Uint8Array(requestIdLength);
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    expect(writeRequestId(out, 0, random)).toBe(requestIdLength);
    seen.add(Buffer.from(out).toString("latin1"));
  }
  expect([seen.size, [...seen].every((id) => /^[0-9a-hjkmnp-z]{20}$/.test(id))]).toEqual([1000, true]);
  const outside = ["", "a", "4bf9-2f35:77b3@x.y/z+_~=", 'a"b', "a b", "a\r\nb", "é", "x".repeat(128), "x".repeat(129)];
  const verdicts = outside.map((id) => isRequestId(latin1(id), 0, id.length));
  expect(verdicts).toEqual([false, true, true, false, false, false, false, true, false]);
});

test("prepared lines hold valid ids that never repeat", () => {
  const lines = new IdLines("x-request-id", true, new Random(5));
  const out = new Uint8Array(256);
  const ids = new Set<string>();
  const traces = new Set<string>();
  const parents = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    const end = lines.write(out, 3);
    const text = Buffer.from(out.subarray(3, end)).toString("latin1");
    const [, id, trace, parent] =
      /^x-request-id: (\S{20})\r\ntraceparent: 00-(\w{32})-(\w{16})-02\r\n$/.exec(text) ?? [];
    expect(isTraceparent(out, 3 + lines.traceparentAt, 3 + lines.traceparentAt + traceparentLength)).toBe(true);
    expect(isRequestId(out, 3 + lines.requestIdAt, 3 + lines.requestIdAt + requestIdLength)).toBe(true);
    ids.add(id!);
    traces.add(trace!);
    parents.add(parent!);
  }
  expect([ids.size, traces.size, parents.size]).toEqual([100_000, 100_000, 100_000]);
});
