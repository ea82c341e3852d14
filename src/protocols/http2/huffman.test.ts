import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeHuffman, encodeHuffman, huffmanLength } from "./huffman.ts";

const packed = new Uint8Array(8192);
const plain = new Uint8Array(8192);

test("any text survives the way there and back, in as many bytes as foretold", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (text) => {
      const end = encodeHuffman(text, 0, text.length, packed, 0);
      expect(end).toBe(huffmanLength(text, 0, text.length));
      expect(decodeHuffman(packed, 0, end, plain, 0, text.length)).toBe(text.length);
      expect(Buffer.compare(plain.subarray(0, text.length), text)).toBe(0);
      if (text.length > 0) expect(decodeHuffman(packed, 0, end, plain, 0, text.length - 1)).toBe(-1);
    }),
    { numRuns: 500 },
  );
});

test("the example of RFC 7541 C.4.1 is reproduced", () => {
  const text = Buffer.from("www.example.com");
  const end = encodeHuffman(text, 0, text.length, packed, 0);
  expect(Buffer.from(packed.subarray(0, end)).toString("hex")).toBe("f1e3c2e5f23a6ba0ab90f4ff");
});
