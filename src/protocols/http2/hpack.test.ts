import { expect, test } from "bun:test";
import fc from "fast-check";
import { fieldIdOf } from "../http1/mod.ts";
import { FieldList } from "./field-list.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { Output } from "./output.ts";

type Field = readonly [name: string, value: string];

const list = new FieldList(128, 32_768);
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

function fieldsOf(from: FieldList): Field[] {
  const text = (start: number, end: number): string => Buffer.from(from.bytes.subarray(start, end)).toString("latin1");
  return Array.from({ length: from.count }, (_, i) => [
    text(from.nameStart[i]!, from.nameEnd[i]!),
    text(from.valueStart[i]!, from.valueEnd[i]!),
  ]);
}

function decode(decoder: HpackDecoder, hex: string): Field[] | "error" {
  const block = Buffer.from(hex.replaceAll(" ", ""), "hex");
  return decoder.decode(block, 0, block.length, list) ? fieldsOf(list) : "error";
}

function encode(encoder: HpackEncoder, fields: readonly Field[]): Uint8Array {
  const output = new Output();
  encoder.begin(output);
  for (const [name, value] of fields) {
    const bytes = latin1(name + value);
    const id = fieldIdOf(bytes, 0, name.length);
    encoder.field(output, id, bytes, 0, name.length, name.length, bytes.length, 0);
  }
  return output.bytes.slice(output.start, output.end);
}

test("the requests of RFC 7541 C.3 (plain) and C.4 (Huffman) are decoded with their tables", () => {
  const first: Field[] = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  const third: Field[] = [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ];
  const plain = [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ];
  const packed = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ];
  for (const blocks of [plain, packed]) {
    const decoder = new HpackDecoder();
    const tables: number[] = [];
    const read = blocks.map((block) => {
      const fields = decode(decoder, block);
      tables.push(decoder.tableSize);
      return fields;
    });
    expect(read).toEqual([first, [...first, ["cache-control", "no-cache"]], third]);
    expect(tables).toEqual([57, 110, 164]);
  }
});

test("the answers of RFC 7541 C.5 and C.6 are decoded with evictions from a table of 256 bytes", () => {
  const date = "Mon, 21 Oct 2013 20:13:21 GMT";
  const rest: Field[] = [
    ["cache-control", "private"],
    ["date", date],
    ["location", "https://www.example.com"],
  ];
  const later: Field[] = [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ];
  const plain = [
    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "4803 3330 37c1 c0bf",
    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
  ];
  const packed = [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
  ];
  for (const blocks of [plain, packed]) {
    const decoder = new HpackDecoder();
    decoder.acknowledgeTableBytes(256);
    const [head, ...tail] = blocks;
    const tables: number[] = [];
    const read = [`3fe101${head}`, ...tail].map((block) => {
      const fields = decode(decoder, block);
      tables.push(decoder.tableSize);
      return fields;
    });
    expect(read).toEqual([[[":status", "302"], ...rest], [[":status", "307"], ...rest], later]);
    expect(tables).toEqual([222, 222, 215]);
  }
});

test("the literal forms of RFC 7541 C.2 enter the table only where they say so", () => {
  const read = (hex: string): [Field[] | "error", number, number] => {
    const decoder = new HpackDecoder();
    const fields = decode(decoder, hex);
    return [fields, decoder.tableSize, list.isSensitive[0]!];
  };
  expect(read("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")).toEqual([
    [["custom-key", "custom-header"]],
    55,
    0,
  ]);
  expect(read("040c 2f73 616d 706c 652f 7061 7468")).toEqual([[[":path", "/sample/path"]], 0, 0]);
  expect(read("1008 7061 7373 776f 7264 0673 6563 7265 74")).toEqual([[["password", "secret"]], 0, 1]);
  expect(read("82")).toEqual([[[":method", "GET"]], 0, 0]);
});

test("what RFC 7541 forbids is a decoding error", () => {
  const broken: Readonly<Record<string, string>> = {
    "index 0 (6.1)": "80",
    "index beyond both tables (2.3.3)": "be",
    "name index beyond both tables": "7e0161",
    "integer that goes on at the block's end (5.1)": "ff",
    "integer of more than 28 bits (5.1)": "ff80808080 01",
    "integer padded with zeros (5.1)": "1f80808080 0000",
    "string longer than the block (5.2)": "400a6162",
    "missing value": "400161",
    "missing name": "40",
    "Huffman padding longer than seven bits (5.2)": "40 82 1fff 0161",
    "Huffman padding of zeros (5.2)": "40 81 18 0161",
    "Huffman end-of-string symbol (5.2)": "40 84 ffffffff 0161",
    "table size above the settings (4.2)": "3fe21f",
    "table size after a field (4.2)": "8220",
    "three table sizes (4.2)": "20 20 20 82",
  };
  const results = Object.entries(broken).map(([name, hex]) => [name, decode(new HpackDecoder(), hex)]);
  expect(results).toEqual(Object.keys(broken).map((name) => [name, "error"]));
});

test("a smaller table that was acknowledged must be announced before the next field", () => {
  const silent = new HpackDecoder();
  silent.acknowledgeTableBytes(100);
  expect(decode(silent, "82")).toBe("error");
  const polite = new HpackDecoder();
  polite.acknowledgeTableBytes(100);
  expect(decode(polite, "3f45 82")).toEqual([[":method", "GET"]]);
});

test("an entry larger than the table empties it, and one that replaces its own name keeps the text", () => {
  const decoder = new HpackDecoder();
  decode(decoder, "3f21"); // 64 bytes
  const name = Buffer.from("a".repeat(20)).toString("hex");
  expect(decode(decoder, `4014${name}0162`)).toEqual([["a".repeat(20), "b"]]);
  expect([decoder.tableCount, decoder.tableSize]).toEqual([1, 53]);
  // The name comes from the entry that the new one evicts (§4.4).
  expect(decode(decoder, "7e0163")).toEqual([["a".repeat(20), "c"]]);
  expect([decoder.tableCount, decoder.tableSize]).toEqual([1, 53]);
  expect(decode(decoder, `7e14${name}`)).toEqual([["a".repeat(20), "a".repeat(20)]]);
  expect([decoder.tableCount, decoder.tableSize]).toEqual([0, 0]);
});

test("a list over its limits is decoded to the end, so that the table stays in step", () => {
  const small = new FieldList(4, 16_384);
  const decoder = new HpackDecoder();
  const many = Buffer.from(`8282828282 4001610162`.replaceAll(" ", ""), "hex");
  expect(decoder.decode(many, 0, many.length, small)).toBe(true);
  expect([small.isOver, small.count, decoder.tableCount]).toEqual([true, 4, 1]);
  expect(decode(decoder, "be")).toEqual([["a", "b"]]);
  const long = Buffer.concat([Buffer.from("4001617f81ff00", "hex"), Buffer.alloc(16_640, 0x62)]);
  long[4] = 0x80 | ((16_640 - 127 - 0) % 128);
  const length = 16_640 - 127;
  long[4] = 0x80 | (length & 0x7f);
  long[5] = 0x80 | ((length >> 7) & 0x7f);
  long[6] = length >> 14;
  expect(decoder.decode(long, 0, long.length, small)).toBe(true);
  expect([small.isOver, decoder.tableCount]).toEqual([true, 0]);
});

test("round trip: what the encoder writes the decoder reads, over many blocks and changing table sizes", () => {
  const name = fc.oneof(
    fc.constantFrom("content-type", "content-length", "x-a", "x-b", "authorization", "date", "cookie", "server"),
    fc.stringMatching(/^[a-z0-9-]{1,20}$/),
  );
  const value = fc.oneof(
    fc.constantFrom("a", "", "application/json", "\u00ff\u00fe", "Mon, 21 Oct 2013 20:13:21 GMT"),
    fc.stringMatching(/^[!-~]{0,60}$/),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  const block = fc.record({
    fields: fc.array(fc.tuple(name, value), { maxLength: 12 }),
    tableBytes: fc.option(fc.integer({ min: 0, max: 4096 }), { freq: 5 }),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 20 }), (blocks) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (const { fields, tableBytes } of blocks) {
        if (tableBytes !== null) {
          encoder.allowTableBytes(tableBytes);
          decoder.acknowledgeTableBytes(tableBytes);
        }
        const bytes = encode(encoder, fields);
        expect(decoder.decode(bytes, 0, bytes.length, list)).toBe(true);
        expect(fieldsOf(list)).toEqual(fields);
        expect([decoder.tableCount, decoder.tableSize]).toEqual([encoder.tableCount, encoder.tableSize]);
      }
    }),
    { numRuns: 300 },
  );
});

test("a field enters the encoder's table when it comes again, a secret never, and names are sent in lower case", () => {
  const encoder = new HpackEncoder();
  const lengths = [1, 2, 3, 4].map(() => encode(encoder, [["Content-Type", "application/json"]]).length);
  expect(lengths[0]).toBeGreaterThan(10);
  expect(lengths.slice(2)).toEqual([1, 1]);
  for (let i = 0; i < 3; i++) encode(encoder, [["Authorization", "Bearer secret"]]);
  expect(encoder.tableCount).toBe(1);
  const secret = encode(encoder, [["Authorization", "Bearer secret"]]);
  expect(secret[0]! & 0xf0).toBe(0x10);
  const decoder = new HpackDecoder();
  const block = encode(new HpackEncoder(), [
    ["X-Long-".padEnd(300, "A"), "b"],
    ["X-Short", "c"],
  ]);
  expect(decoder.decode(block, 0, block.length, list)).toBe(true);
  expect(fieldsOf(list)).toEqual([
    ["x-long-".padEnd(300, "a"), "b"],
    ["x-short", "c"],
  ]);
});

test("the encoder announces the smallest and the last size of its table", () => {
  const encoder = new HpackEncoder();
  encoder.allowTableBytes(0);
  encoder.allowTableBytes(1024);
  expect(Buffer.from(encode(encoder, [])).toString("hex")).toBe("203fe107");
  expect(encode(encoder, []).length).toBe(0);
});
