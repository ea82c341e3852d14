import { expect, test } from "bun:test";
import fc from "fast-check";
import { applyMask, readKey } from "./mask.ts";
import { checkMaskedUtf8, checkUtf8, utf8Whole } from "./utf8.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isText(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const nearText = fc.array(
  fc.oneof(
    fc
      .integer({ min: 0, max: 0x10ffff })
      .map((point) =>
        point >= 0xd800 && point < 0xe000 ? [0xed, 0xa0, 0x80] : [...Buffer.from(String.fromCodePoint(point))],
      ),
    fc.constantFrom([0x61, 0x62, 0x63, 0x64, 0x65], [0xc0], [0xf4, 0x90], [0xe0, 0x9f], [0x80]),
  ),
  { maxLength: 12 },
);

test("what is text is what the platform's decoder takes, in any pieces, masked or not", () => {
  fc.assert(
    fc.property(nearText, fc.nat(64), fc.uint8Array({ minLength: 4, maxLength: 4 }), (parts, cut, keyBytes) => {
      const bytes = Uint8Array.from(parts.flat());
      const at = Math.min(cut, bytes.length);
      const expected = isText(bytes);
      expect(checkUtf8(checkUtf8(utf8Whole, bytes, 0, at), bytes, at, bytes.length) === utf8Whole).toBe(expected);
      const key = readKey(keyBytes, 0);
      applyMask(bytes, 0, bytes.length, key, 0);
      const state = checkMaskedUtf8(utf8Whole, bytes, 0, at, key, 0);
      expect(checkMaskedUtf8(state, bytes, at, bytes.length, key, at) === utf8Whole).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});

test("masking is its own inverse, at any offset and length, in any pieces", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(7),
      fc.nat(3000),
      (payload, keyBytes, offset, cut) => {
        const bytes = new Uint8Array(payload.length + offset);
        bytes.set(payload, offset);
        const key = readKey(keyBytes, 0);
        applyMask(bytes, offset, bytes.length, key, 0);
        const expected = payload.map((byte, index) => byte ^ keyBytes[index & 3]!);
        expect(Buffer.compare(bytes.subarray(offset), expected)).toBe(0);
        const at = Math.min(cut, payload.length);
        applyMask(bytes, offset, offset + at, key, 0);
        applyMask(bytes, offset + at, bytes.length, key, at);
        expect(Buffer.compare(bytes.subarray(offset), payload)).toBe(0);
      },
    ),
    { numRuns: 1000 },
  );
});
