/**
 * Cases written from RFC 6455: bytes of a client, and what comes back from a server that echoes messages, answers pings and
 * returns a close frame's code. The same cases run against the state machine and through a gateway.
 */
import { binary, bytesOf, close, first, frame, more, Op, ping, pong, text } from "./raw.ts";

export interface Case {
  /** `RFC section: what the client does`. */
  readonly name: string;
  readonly steps: readonly Uint8Array[];
  readonly expect: Expectation;
  /** Only for the codec: a gateway does not wait for the upstream's echo before it closes. */
  readonly isPure?: boolean;
}

export interface Expectation {
  /** Messages that come back, in their order. */
  readonly echoes?: readonly (readonly [opcode: number, payload: Buffer])[];
  readonly pongs?: readonly Buffer[];
  /** The code of the close frame that comes back; undefined: the connection lives. 1005: a close frame without a code. */
  readonly close?: number;
}

const echoed = (
  name: string,
  payloads: readonly (readonly [number, string | Uint8Array])[],
  ...steps: Buffer[]
): Case => ({
  name,
  steps,
  expect: { echoes: payloads.map(([opcode, payload]) => [opcode, bytesOf(payload)]) },
});
const ponged = (name: string, payloads: readonly (string | Uint8Array)[], ...steps: Buffer[]): Case => ({
  name,
  steps,
  expect: { pongs: payloads.map(bytesOf) },
});
const closed = (name: string, code: number, ...steps: Buffer[]): Case => ({ name, steps, expect: { close: code } });
const lives = (name: string, ...steps: Buffer[]): Case => ({ name, steps, expect: {} });

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (index * 7 + 3) & 255));
const letters = (length: number): string =>
  "abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(length / 26)).slice(0, length);
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");

const lengths: readonly Case[] = [
  0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 255, 256, 65_534, 65_535, 65_536, 65_537,
].flatMap((length) => [
  echoed(`5.6: a text message of ${length} bytes`, [[Op.text, letters(length)]], text(letters(length))),
  echoed(`5.6: a binary message of ${length} bytes`, [[Op.binary, pattern(length)]], binary(pattern(length))),
]);

const lengthForms: readonly Case[] = [
  ...[0, 1, 125].map((length) =>
    closed(`5.2: ${length} bytes, their length in 16 bits`, 1002, text(letters(length), { lengthBits: 16 })),
  ),
  ...[0, 125, 126, 65_535].map((length) =>
    closed(`5.2: ${length} bytes, their length in 64 bits`, 1002, text(letters(length), { lengthBits: 64 })),
  ),
  closed("5.2: a length of 2^63", 1002, Buffer.concat([hex("82ff 8000000000000000"), Buffer.alloc(4)])),
  closed("5.2: a length of 2^64-1", 1002, Buffer.concat([hex("82ff ffffffffffffffff"), Buffer.alloc(4)])),
  closed("limit: a length of 2^62", 1009, Buffer.concat([hex("82ff 4000000000000000"), Buffer.alloc(4)])),
  closed("limit: a frame of 16 MiB and one byte", 1009, Buffer.concat([hex("82ff 0000000001000001"), Buffer.alloc(4)])),
  closed(
    "limit: a message over 16 MiB in two frames",
    1009,
    first(Op.binary, "a"),
    Buffer.concat([hex("80ff 0000000001000000"), Buffer.alloc(4)]),
  ),
];

const masks: readonly Case[] = [
  closed("5.1: a text frame that is not masked", 1002, text("a", { key: null })),
  closed("5.1: an empty frame that is not masked", 1002, text("", { key: null })),
  closed("5.1: a ping that is not masked", 1002, ping("a", { key: null })),
  closed("5.1: a close frame that is not masked", 1002, close(1000, "", { key: null })),
  closed("5.1: a continuation that is not masked", 1002, first(Op.text, "a"), more("b", true, { key: null })),
  ...["00000000", "ffffffff", "80808080", "01020304", "000000ff", "ff000000"].map((key) =>
    echoed(`5.3: masked with ${key}`, [[Op.text, letters(1003)]], text(letters(1003), { key: hex(key) })),
  ),
];

const reserved: readonly Case[] = [
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [
    closed(`5.2: reserved bits ${bits} of a text frame`, 1002, text("a", { reserved: bits })),
    closed(`5.2: reserved bits ${bits} of a ping`, 1002, ping("a", { reserved: bits })),
  ]),
  ...[1, 2, 4].flatMap((bits) => [
    closed(`5.2: reserved bits ${bits} of a binary frame`, 1002, binary("a", { reserved: bits })),
    closed(
      `5.2: reserved bits ${bits} of a continuation`,
      1002,
      first(Op.text, "a"),
      more("b", true, { reserved: bits }),
    ),
    closed(`5.2: reserved bits ${bits} of a close frame`, 1002, close(1000, "", { reserved: bits })),
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    closed(`5.2: the reserved opcode ${opcode}`, 1002, frame(opcode, "a")),
    closed(`5.2: the reserved opcode ${opcode} without a payload, behind a message`, 1002, text("a"), frame(opcode)),
  ]),
];

const controls: readonly Case[] = [
  ponged("5.5.2: a ping", ["a"], ping("a")),
  ponged("5.5.2: an empty ping", [""], ping()),
  ponged("5.5.2: a ping of 125 bytes", [pattern(125)], ping(pattern(125))),
  ponged("5.5.2: a ping of bytes that are no UTF-8", [hex("fffe00")], ping(hex("fffe00"))),
  ponged(
    "5.5.2: ten pings",
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    Buffer.concat(Array.from({ length: 10 }, (_, i) => ping(String(i)))),
  ),
  lives("5.5.3: a pong that nobody asked for", pong("a")),
  lives("5.5.3: an empty pong that nobody asked for", pong()),
  lives("5.5.3: ten pongs", Buffer.concat(Array.from({ length: 10 }, () => pong("x")))),
  closed("5.5: a ping of 126 bytes", 1002, ping(pattern(126))),
  closed("5.5: a pong of 126 bytes", 1002, pong(pattern(126))),
  closed("5.5: a close frame of 126 bytes", 1002, close(1000, letters(124))),
  closed("5.5: a ping of 70,000 bytes", 1002, ping(pattern(70_000))),
  closed("5.5: a ping whose length is in 16 bits", 1002, ping("a", { lengthBits: 16 })),
  closed("5.5: a ping in fragments", 1002, ping("a", { isFinal: false })),
  closed("5.5: a pong in fragments", 1002, pong("a", { isFinal: false })),
  closed("5.5: a close frame in fragments", 1002, frame(Op.close, hex("03e8"), { isFinal: false })),
  closed("5.5: a ping in fragments and its continuation", 1002, ping("a", { isFinal: false }), more("b", true)),
  {
    name: "5.5.2: a ping between messages",
    steps: [text("a"), ping("p"), text("b")],
    expect: {
      echoes: [
        [Op.text, bytesOf("a")],
        [Op.text, bytesOf("b")],
      ],
      pongs: [bytesOf("p")],
    },
  },
];

const fragments: readonly Case[] = [
  echoed("5.4: a text message in two fragments", [[Op.text, "ab"]], first(Op.text, "a"), more("b", true)),
  echoed(
    "5.4: a binary message in three fragments",
    [[Op.binary, "abc"]],
    first(Op.binary, "a"),
    more("b", false),
    more("c", true),
  ),
  echoed("5.4: empty fragments", [[Op.text, ""]], first(Op.text, ""), more("", false), more("", true)),
  echoed("5.4: an empty first fragment", [[Op.text, "b"]], first(Op.text, ""), more("b", true)),
  echoed("5.4: an empty last fragment", [[Op.text, "a"]], first(Op.text, "a"), more("", true)),
  echoed(
    "5.4: a hundred fragments",
    [[Op.text, letters(100)]],
    first(Op.text, letters(100)[0]!),
    ...Array.from({ length: 99 }, (_, i) => more(letters(100)[i + 1]!, i === 98)),
  ),
  echoed(
    "5.4: two messages in fragments",
    [
      [Op.text, "ab"],
      [Op.binary, "cd"],
    ],
    first(Op.text, "a"),
    more("b", true),
    first(Op.binary, "c"),
    more("d", true),
  ),
  echoed(
    "5.4: fragments of 64 KiB",
    [[Op.binary, pattern(131_072)]],
    first(Op.binary, pattern(131_072).subarray(0, 65_536)),
    more(pattern(131_072).subarray(65_536), true),
  ),
  {
    name: "5.4: pings between fragments are answered before the message ends",
    steps: [first(Op.text, "a"), ping("p"), more("b", false), ping("q"), more("c", true)],
    expect: { echoes: [[Op.text, bytesOf("abc")]], pongs: [bytesOf("p"), bytesOf("q")] },
  },
  echoed("5.4: a pong between fragments", [[Op.text, "ab"]], first(Op.text, "a"), pong("p"), more("b", true)),
  closed("5.4: a close frame between fragments", 1000, first(Op.text, "a"), close(1000)),
  closed("5.4: a continuation of nothing", 1002, more("a", true)),
  closed("5.4: a first continuation of nothing", 1002, more("a", false)),
  closed("5.4: an empty continuation of nothing", 1002, more("", true)),
  closed("5.4: a continuation behind a whole message", 1002, text("a"), more("b", true)),
  closed("5.4: a continuation behind a ping", 1002, ping("a"), more("b", true)),
  closed("5.4: a continuation behind the last fragment", 1002, first(Op.text, "a"), more("b", true), more("c", true)),
  closed("5.4: a text frame within a message", 1002, first(Op.text, "a"), text("b")),
  closed("5.4: a binary frame within a text message", 1002, first(Op.text, "a"), binary("b")),
  closed("5.4: a first fragment within a message", 1002, first(Op.text, "a"), first(Op.text, "b")),
  closed("5.4: a text frame within a message, behind a ping", 1002, first(Op.binary, "a"), ping("p"), text("b")),
  closed(
    "limit: a message in 20,000 empty fragments",
    1008,
    first(Op.text, ""),
    Buffer.concat(Array.from({ length: 20_000 }, () => more("", false))),
  ),
];

/** Sequences of RFC 3629; those of §10 of Markus Kuhn's stress test, the borders of every length, and what must not be. */
const rightTexts: Readonly<Record<string, string>> = {
  "a Greek word": "ce ba e1 bd b9 cf 83 ce bc ce b5",
  "U+0000": "00",
  "U+007F": "7f",
  "U+0080": "c2 80",
  "U+07FF": "df bf",
  "U+0800": "e0 a0 80",
  "U+D7FF": "ed 9f bf",
  "U+E000": "ee 80 80",
  "U+FFFD": "ef bf bd",
  "U+FFFE, a noncharacter": "ef bf be",
  "U+FFFF, a noncharacter": "ef bf bf",
  "U+10000": "f0 90 80 80",
  "U+1F600": "f0 9f 98 80",
  "U+10FFFF": "f4 8f bf bf",
  "a byte order mark": "ef bb bf 61",
  "letters of every length": "61 c3 a4 e2 82 ac f0 9d 84 9e 62",
};
const wrongTexts: Readonly<Record<string, string>> = {
  "a continuation byte alone": "80",
  "the last continuation byte alone": "bf",
  "a continuation byte behind a letter": "61 80",
  "seven continuation bytes": "80 bf 80 bf 80 bf 80",
  "a first byte of two alone": "c2",
  "a first byte of two and a letter": "c2 61",
  "a first byte of three alone": "e1",
  "two bytes of three": "e1 80",
  "two bytes of three and a letter": "e1 80 61",
  "a first byte of four alone": "f1",
  "three bytes of four": "f1 80 80",
  "three bytes of four and a letter": "f1 80 80 61",
  FE: "fe",
  FF: "ff",
  "FE FF": "fe ff",
  "an overlong slash of two bytes": "c0 af",
  "an overlong slash of three bytes": "e0 80 af",
  "an overlong slash of four bytes": "f0 80 80 af",
  "an overlong slash of five bytes": "f8 80 80 80 af",
  "an overlong slash of six bytes": "fc 80 80 80 80 af",
  "an overlong NUL of two bytes": "c0 80",
  "an overlong U+007F": "c1 bf",
  "an overlong U+07FF": "e0 9f bf",
  "an overlong U+FFFF": "f0 8f bf bf",
  "the first surrogate": "ed a0 80",
  "the last surrogate": "ed bf bf",
  "a pair of surrogates": "ed a0 80 ed b0 80",
  "U+110000": "f4 90 80 80",
  "U+1FFFFF": "f7 bf bf bf",
  "a first byte F5": "f5 80 80 80",
  "a first byte of five": "f8 88 80 80 80",
  "a first byte of six": "fc 84 80 80 80 80",
  "a Greek word and a surrogate": "ce ba e1 bd b9 ed a0 80 65",
};

const texts: readonly Case[] = [
  ...Object.entries(rightTexts).flatMap(([name, digits]) => {
    const bytes = hex(digits);
    return [
      echoed(`8.1: ${name}`, [[Op.text, bytes]], text(bytes)),
      echoed(`8.1: ${name}, a fragment for every byte`, [[Op.text, bytes]], ...byteByByte(bytes)),
    ];
  }),
  ...Object.entries(wrongTexts).flatMap(([name, digits]) => [
    closed(`8.1: ${name}`, 1007, text(hex(digits))),
    closed(
      `8.1: ${name}, behind letters and over fragments`,
      1007,
      first(Op.text, letters(37)),
      ...byteByByte(hex(digits)).map((each, i) =>
        i === 0 ? more(hex(digits).subarray(0, 1), hex(digits).length === 1) : each,
      ),
    ),
  ]),
  closed(
    "8.1: a text that breaks off at a fragment's end, and whose next fragment is whole",
    1007,
    first(Op.text, hex("ce")),
    more("a", true),
  ),
  closed("8.1: a broken text is not waited for: its frame is not complete", 1007, text(hex("ff"), { length: 100 })),
  closed("8.1: a broken text is not waited for: its message is not complete", 1007, first(Op.text, hex("ed a0 80"))),
  echoed("8.1: bytes that are no UTF-8 in a binary message", [[Op.binary, hex("ff fe 80")]], binary(hex("ff fe 80"))),
];

function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte, index) => {
    const isLast = index === bytes.length - 1;
    return index === 0 ? frame(Op.text, Uint8Array.of(byte), { isFinal: isLast }) : more(Uint8Array.of(byte), isLast);
  });
}

const closes: readonly Case[] = [
  closed("5.5.1: a close frame without a code", 1005, close()),
  closed("5.5.1: a close frame of one byte", 1002, frame(Op.close, hex("03"))),
  closed("5.5.1: a close frame with a reason", 1000, close(1000, "done")),
  closed("5.5.1: a close frame with a reason of 123 bytes", 1000, close(1000, letters(123))),
  closed("5.5.1: a reason in Greek", 1000, close(1000, hex("ce ba e1 bd b9"))),
  closed("5.5.1: a reason that is not UTF-8", 1007, close(1000, hex("ce ba ed a0 80"))),
  closed("5.5.1: a reason that breaks off within a letter", 1007, close(1000, hex("ce"))),
  closed("5.5.1: what follows a close frame is not read: a message", 1000, Buffer.concat([close(1000), text("a")])),
  closed(
    "5.5.1: what follows a close frame is not read: a broken frame",
    1000,
    Buffer.concat([close(1000), frame(7, "a")]),
  ),
  closed(
    "5.5.1: what follows a close frame is not read: a second one",
    1000,
    Buffer.concat([close(1000), close(1001)]),
  ),
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) =>
    closed(`7.4: the close code ${code}`, code, close(code)),
  ),
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65_535].map((code) =>
    closed(`7.4: the close code ${code} must not be sent`, 1002, close(code)),
  ),
  {
    name: "5.5.1: a message before a close frame is delivered",
    steps: [text("a"), close(1000)],
    expect: { echoes: [[Op.text, bytesOf("a")]], close: 1000 },
  },
  {
    isPure: true,
    name: "7.1.7: a message before a broken frame is delivered",
    steps: [text("a"), frame(3, "b")],
    expect: { echoes: [[Op.text, bytesOf("a")]], close: 1002 },
  },
];

export const webSocketCases: readonly Case[] = [
  ...lengths,
  ...lengthForms,
  ...masks,
  ...reserved,
  ...controls,
  ...fragments,
  ...texts,
  ...closes,
];
