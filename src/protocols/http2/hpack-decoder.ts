/**
 * @hot The HPACK decoder (RFC 7541): a whole field block into a `FieldList`.
 *
 * A block that cannot be decoded ends the connection, so nothing is rolled back. The length of a block, the size of the
 * table and the size of the list are bounded by the caller; inside these a block can make the decoder copy no more than
 * the list holds, whatever its indexes refer to.
 */
import { assert, copyBytes } from "../../base/mod.ts";
import { DynamicTable, lineOverheadBytes } from "./dynamic-table.ts";
import { nameKind, nameKindMask, valueKind } from "./field-kind.ts";
import type { FieldList } from "./field-list.ts";
import { decodeHuffman } from "./huffman.ts";
import { staticCount, staticFields } from "./static-table.ts";

/** The table's size until SETTINGS say otherwise (RFC 9113 §6.5.2). */
export const tableBytesDefault = 4096;
/** Five bytes give 28 bits behind the prefix: far more than any limit. Longer integers are refused (RFC 7541 §5.1). */
const integerBytesMax = 4;
/** The smallest size and the last one, no more (RFC 7541 §4.2). */
const sizeUpdatesMax = 2;

/** The static table in the layout of the dynamic one, entry 1 being number 0. */
const staticTable = new DynamicTable(65_536);
for (const [name, value] of staticFields) {
  const text = Buffer.from(name + value, "latin1");
  const kind = nameKind(text, 0, name.length) | valueKind(text, name.length, text.length);
  staticTable.add(text, 0, name.length, text, name.length, value.length, kind);
}

export class HpackDecoder {
  /** Until the peer has acknowledged our settings it may use the size of the RFC. */
  private readonly table = new DynamicTable(tableBytesDefault);
  /** The largest table the peer may ask for. */
  private tableBytesMax = tableBytesDefault;
  /** The peer has acknowledged a smaller table and must say so before the next field. */
  private isUpdateDue = false;
  private at = 0;
  /** The string just read was too long for the list and left out. */
  private isSkipped = false;

  /** Number and size of the table's entries, for tests and snapshots. */
  get tableCount(): number {
    return this.table.count;
  }

  get tableSize(): number {
    return this.table.size;
  }

  /** The peer has acknowledged SETTINGS_HEADER_TABLE_SIZE (§4.2 of RFC 7541). */
  acknowledgeTableBytes(tableBytesMax: number): void {
    this.tableBytesMax = tableBytesMax;
    if (tableBytesMax < this.table.maxSize) this.isUpdateDue = true;
  }

  /** Decodes the block `bytes[from, to)` into `list`. False: a decoding error, the connection cannot go on. */
  decode(bytes: Uint8Array, from: number, to: number, list: FieldList): boolean {
    assert(4 * this.tableBytesMax <= list.listBytesMax, "a field too long for the list must be too long for the table");
    list.clear();
    this.at = from;
    if (!this.readSizeUpdates(bytes, to)) return false;
    while (this.at < to) {
      const first = bytes[this.at]!;
      if (first >= 0x80) {
        if (!this.readIndexed(bytes, to, list)) return false;
      } else if (first >= 0x40) {
        if (!this.readLiteral(bytes, to, list, 6, true, 0)) return false;
      } else if (first >= 0x20) return false;
      else if (!this.readLiteral(bytes, to, list, 4, false, first >> 4)) return false;
    }
    return true;
  }

  private readSizeUpdates(bytes: Uint8Array, to: number): boolean {
    for (let updates = 0; this.at < to && (bytes[this.at]! & 0xe0) === 0x20; updates++) {
      const size = this.readInteger(bytes, to, 5);
      if (size < 0 || size > this.tableBytesMax || updates === sizeUpdatesMax) return false;
      this.table.resize(size);
      this.isUpdateDue = false;
    }
    return !this.isUpdateDue || this.at === to;
  }

  private readIndexed(bytes: Uint8Array, to: number, list: FieldList): boolean {
    const index = this.readInteger(bytes, to, 7);
    if (index <= 0) return false;
    const table = index <= staticCount ? staticTable : this.table;
    const number = this.numberOf(index);
    if (number < 0) return false;
    const nameLength = table.nameLength(number);
    const valueLength = table.valueLength(number);
    if (!list.admit(nameLength + valueLength)) return true;
    const start = table.start(number);
    const at = list.end;
    copyBytes(table.bytes, start, start + nameLength + valueLength + lineOverheadBytes, list.bytes, at);
    list.push(at, nameLength, valueLength, table.meta(number), 0);
    return true;
  }

  /** The entry's number in its table; -1 when there is none (RFC 7541 §2.3.3). */
  private numberOf(index: number): number {
    if (index <= staticCount) return index - 1;
    const age = index - staticCount;
    return age <= this.table.count ? this.table.inserted - age : -1;
  }

  /** A literal: name and value become a line at the end of the list, then an entry of the table, then a field. */
  private readLiteral(
    bytes: Uint8Array,
    to: number,
    list: FieldList,
    prefixBits: number,
    isKept: boolean,
    isSensitive: number,
  ): boolean {
    const index = this.readInteger(bytes, to, prefixBits);
    if (index < 0) return false;
    const start = list.end;
    const text = list.bytes;
    let kind: number;
    let nameEnd: number;
    let isTooLong = false;
    if (index === 0) {
      nameEnd = this.readString(bytes, to, list, start);
      if (nameEnd < 0) return false;
      isTooLong = this.isSkipped;
      kind = nameKind(text, start, nameEnd);
    } else {
      const number = this.numberOf(index);
      if (number < 0) return false;
      const table = index <= staticCount ? staticTable : this.table;
      const from = table.start(number);
      nameEnd = copyBytes(table.bytes, from, from + table.nameLength(number), text, start);
      kind = table.meta(number) & nameKindMask;
    }
    const valueStart = nameEnd + 2;
    const valueEnd = this.readString(bytes, to, list, valueStart);
    if (valueEnd < 0) return false;
    if (isTooLong || this.isSkipped) {
      if (isKept) this.emptyTable();
      list.admit(list.listBytesMax);
      return true;
    }
    text[nameEnd] = 0x3a;
    text[nameEnd + 1] = 0x20;
    text[valueEnd] = 0x0d;
    text[valueEnd + 1] = 0x0a;
    kind |= valueKind(text, valueStart, valueEnd);
    const nameLength = nameEnd - start;
    const valueLength = valueEnd - valueStart;
    if (isKept) this.table.add(text, start, nameLength, text, valueStart, valueLength, kind);
    if (list.admit(nameLength + valueLength)) list.push(start, nameLength, valueLength, kind, isSensitive);
    return true;
  }

  /**
   * Reads a string literal (RFC 7541 §5.2) into the list's text at `at` and returns its end there, or -1 when it is
   * malformed. One too long for the list is left out: `isSkipped` is then set, and the end is `at`.
   */
  private readString(bytes: Uint8Array, to: number, list: FieldList, at: number): number {
    if (this.at >= to) return -1;
    const isHuffman = bytes[this.at]! >= 0x80;
    const length = this.readInteger(bytes, to, 7);
    if (length < 0 || length > to - this.at) return -1;
    const from = this.at;
    this.at = from + length;
    this.isSkipped = length > list.listBytesMax;
    if (this.isSkipped) return at;
    return isHuffman
      ? decodeHuffman(bytes, from, this.at, list.bytes, at, list.bytes.length)
      : copyBytes(bytes, from, this.at, list.bytes, at);
  }

  /** An integer behind a prefix (RFC 7541 §5.1), or -1. */
  private readInteger(bytes: Uint8Array, to: number, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    const prefix = bytes[this.at++]! & mask;
    if (prefix < mask) return prefix;
    let value = mask;
    for (let count = 0; count < integerBytesMax; count++) {
      if (this.at >= to) return -1;
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) << (7 * count);
      if (byte < 0x80) return value;
    }
    return -1;
  }

  /** What adding an entry larger than the table does (RFC 7541 §4.4). */
  private emptyTable(): void {
    const size = this.table.maxSize;
    this.table.resize(0);
    this.table.resize(size);
  }
}
