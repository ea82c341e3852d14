import { expect, test } from "bun:test";
import { latin1 } from "./bytes.ts";
import { KeyHash } from "./key-hash.ts";

test("keys spread evenly over places and their pairs of hashes do not repeat", () => {
  const hash = new KeyHash(12345);
  const counts = new Int32Array(256);
  const seen = new Set<string>();
  for (let index = 0; index < 25_600; index++) {
    const bytes = latin1(`10.${index >> 8}.0.${index & 255}`);
    hash.ofBytes(bytes, 0, bytes.length);
    counts[hash.place & 255]! += 1;
    seen.add(`${hash.place} ${hash.tag}`);
    expect(hash.tag).not.toBe(0);
  }
  expect(seen.size).toBe(25_600);
  expect(Math.min(...counts)).toBeGreaterThan(50);
  expect(Math.max(...counts)).toBeLessThan(160);
});

test("the seed, the space, the length and every byte matter", () => {
  const results = new Set<number>();
  const add = (seed: number, text: string, space = 0): void => {
    const hash = new KeyHash(seed);
    const bytes = latin1(`..${text}..`);
    hash.ofBytes(bytes, 2, 2 + text.length, space);
    results.add(hash.place);
    hash.ofText(text, space);
    results.add(hash.place + 2 ** 33);
  };
  for (const text of ["", "\0", "\0\0", "a", "b", "ab", "ba", "abcd", "abcde", "abcdf"]) add(1, text);
  add(2, "abcd");
  add(1, "abcd", 7);
  expect(results.size).toBe(24);
});
