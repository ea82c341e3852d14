/** RFC 7541: field blocks that cannot be decoded end the connection, all others are understood. */
import { answers, type Case, Code, endsConnection } from "./case.ts";
import {
  block,
  continuation,
  F,
  type Fields,
  frame,
  get,
  headers,
  hex,
  integer,
  settingsAck,
  Type,
  text,
} from "./raw.ts";

const whole = block(get);
const broken = (name: string, bytes: string | Buffer): Case =>
  endsConnection(
    name,
    Code.compression,
    headers(1, Buffer.concat([whole, typeof bytes === "string" ? hex(bytes) : bytes])),
  );
const fine = (name: string, bytes: string | Buffer): Case =>
  answers(name, [1], headers(1, Buffer.concat([whole, typeof bytes === "string" ? hex(bytes) : bytes])));
/** The request by indexes of the static table, and its authority. */
const indexed = Buffer.concat([hex("828684"), hex("41"), text("a.example")]);
const entry = Buffer.concat([hex("40"), text("x-a"), text("b")]);

const wrong: readonly Case[] = [
  broken("6.1: index 0", "80"),
  broken("2.3.3: an index behind the static table while the dynamic one is empty", "be"),
  broken("2.3.3: an index behind both tables", "ff8001"),
  broken("2.3.3: a name's index behind both tables", "7f0f0161"),
  broken("2.3.3: a name's index behind both tables, not kept", "0f7f0161"),
  broken("5.1: an integer that does not end", "ff"),
  broken("5.1: an integer whose continuation does not end", "ff80"),
  broken("5.1: an integer over 32 bits", "ffffffffffff0f"),
  broken("5.1: an integer of endless zeros", "ff8080808080808000"),
  broken("5.1: a string's length over 32 bits", "007fffffffffff0f"),
  broken("5.2: a name longer than the block", "000a6162"),
  broken("5.2: a value longer than the block", "0001610a6263"),
  broken("5.2: a name and no value", "000161"),
  broken("5.2: a literal without anything", "00"),
  broken("5.2: a literal kept without anything", "40"),
  broken("5.2: Huffman text padded with zeros", Buffer.concat([hex("00"), text("x"), hex("8118")])),
  broken("5.2: Huffman text padded with eight ones", Buffer.concat([hex("00"), text("x"), hex("821fff")])),
  broken("5.2: Huffman text of padding alone, a whole byte", Buffer.concat([hex("00"), text("x"), hex("81ff")])),
  broken("5.2: Huffman text with the end-of-string symbol", Buffer.concat([hex("00"), text("x"), hex("84ffffffff")])),
  broken("5.2: a name in Huffman text with the end-of-string symbol", hex("0084ffffffff0161")),
  broken("6.3: a table size above SETTINGS_HEADER_TABLE_SIZE", "3fe21f"),
  broken("4.2: a table size behind a field", "3f21"),
  endsConnection(
    "6.3: a table size over the setting in front of a block",
    Code.compression,
    headers(1, Buffer.concat([hex("3fffff7f"), whole])),
  ),
  endsConnection(
    "4.2: three table sizes in front of a block",
    Code.compression,
    headers(1, Buffer.concat([hex("202020"), whole])),
  ),
  endsConnection("6.3: a table size that does not end", Code.compression, headers(1, hex("3f"))),
  endsConnection(
    "4.3: an index to an entry that a smaller table has evicted",
    Code.compression,
    headers(1, Buffer.concat([whole, entry])),
    headers(3, Buffer.concat([hex("20"), whole, hex("be")])),
  ),
  endsConnection(
    "4.4: an index to an entry that a larger one has evicted",
    Code.compression,
    headers(1, Buffer.concat([whole, entry])),
    headers(3, Buffer.concat([whole, hex("40"), text("y"), text("z".repeat(5000)), hex("be")])),
  ),
  endsConnection(
    "4.3 of RFC 9113: a block that ends within a field",
    Code.compression,
    frame(Type.headers, F.end, 1, whole),
    continuation(1, hex("0003")),
  ),
  endsConnection(
    "3.2: a broken block in trailers",
    Code.compression,
    headers(1, [...get.slice(0, 3), [":path", "/echo"]], F.endHeaders),
    headers(1, hex("80")),
  ),
  endsConnection(
    "2.2: a broken block on a stream that is refused anyway",
    Code.compression,
    headers(1, [["connection", "x"]]),
    headers(3, hex("80")),
  ),
];

const fieldsOfAll: Fields = [["x-a", "b"]];

const right: readonly Case[] = [
  answers("6.1: indexed fields", [1], headers(1, indexed)),
  answers(
    "6.2.1: fields that enter the table and are sent by index",
    [1, 3],
    headers(1, Buffer.concat([indexed, entry])),
    headers(3, Buffer.concat([hex("828684bfbe")])),
  ),
  fine("6.2.2: a field that enters no table", block(fieldsOfAll)),
  fine("6.2.2: a field with an indexed name", Buffer.concat([hex("0f04"), text("*/*")])),
  fine("6.2.3: a field that nobody may keep", Buffer.concat([hex("10"), text("x-a"), text("b")])),
  fine("6.2.3: a field with an indexed name that nobody may keep", Buffer.concat([hex("1f08"), text("secret")])),
  fine("5.2: Huffman text", hex("00 88 25a849e95ba97d7f 89 25a849e95bb8e8b4bf")),
  fine("5.2: empty Huffman text", Buffer.concat([hex("00"), text("x"), hex("80")])),
  fine(
    "5.1: an integer with a continuation of zeros that fits",
    Buffer.concat([hex("00"), text("x"), hex("7f8000"), Buffer.alloc(127, 0x61)]),
  ),
  answers("6.3: a table size in front of a block", [1], headers(1, Buffer.concat([hex("3f21"), whole]))),
  answers("4.2: two table sizes in front of a block", [1], headers(1, Buffer.concat([hex("20 3fe11f"), whole]))),
  answers("6.3: the largest table size", [1], headers(1, Buffer.concat([hex("3fe11f"), whole]))),
  answers(
    "4.4: an entry larger than the table is not an error",
    [1, 3],
    headers(1, Buffer.concat([whole, hex("40"), text("y"), text("z".repeat(5000))])),
    headers(3, Buffer.concat([whole, entry, hex("be")])),
  ),
  answers(
    "4.4: a new entry whose name is that of the entry it evicts",
    [1],
    headers(
      1,
      Buffer.concat([hex("3f21"), whole, hex("40"), text("x".repeat(20)), text("a"), hex("7e"), text("b"), hex("be")]),
    ),
  ),
  answers(
    "2.3.2: the same entry twice in the table",
    [1],
    headers(1, Buffer.concat([whole, entry, entry, hex("bebf")])),
  ),
  answers(
    "2.3.3: entries keep their order over many blocks",
    [1, 3, 5],
    headers(1, Buffer.concat([whole, entry])),
    headers(3, Buffer.concat([whole, hex("40"), text("x-c"), text("d")])),
    headers(5, Buffer.concat([whole, hex("bebf")])),
  ),
  answers(
    "4.1: a table full of small entries",
    [1, 3],
    headers(
      1,
      Buffer.concat([
        whole,
        ...Array.from({ length: 80 }, (_, i) => Buffer.concat([hex("40"), text(`k${i % 10}`), text("v")])),
      ]),
    ),
    settingsAck().subarray(0, 0),
    headers(3, Buffer.concat([whole, integer(0x80, 7, 61 + 80)])),
  ),
];

export const hpackCases: readonly Case[] = [...wrong, ...right];
