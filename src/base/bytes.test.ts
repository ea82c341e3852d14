import { expect, test } from "bun:test";
import { copyBytes, equalBytes, latin1, writeDecimal, writeLatin1 } from "./bytes.ts";

test("copies of every small length arrive whole and return the next offset", () => {
  const source = Uint8Array.from({ length: 100 }, (_, index) => index);
  for (let length = 0; length < 80; length++) {
    const target = new Uint8Array(100);
    expect(copyBytes(source, 5, 5 + length, target, 3)).toBe(3 + length);
    expect(target.subarray(3, 3 + length)).toEqual(source.subarray(5, 5 + length));
  }
});

test("decimals are written as JavaScript prints them", () => {
  const out = Buffer.alloc(32);
  for (const value of [0, 9, 10, 99, 100, 12345, 2 ** 31, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
    expect(out.toString("latin1", 0, writeDecimal(value, out, 0))).toBe(String(value));
  }
});

test("latin1 text round-trips and compares", () => {
  const out = Buffer.alloc(8);
  expect(writeLatin1("h\u00e9y", out, 1)).toBe(4);
  expect(equalBytes(out, 1, 4, latin1("h\u00e9y"), 0)).toBe(true);
  expect(equalBytes(out, 1, 4, latin1("hey"), 0)).toBe(false);
});
