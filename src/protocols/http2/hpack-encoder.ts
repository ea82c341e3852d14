/**
 * @hot The HPACK encoder (RFC 7541): one field after the other, straight into the output.
 *
 * What enters the table: a field goes in when it is sent for the second time, so that values that never come again
 * (identifiers, lengths) do not push out those that do; the price is that a lasting field is spelled out twice. Fields
 * known to differ each time never enter it, and secrets are sent so that nobody keeps them (§7.1.3): a secret in a
 * table could be guessed by its effect on lengths.
 *
 * Finding a field again takes one hash of its value, one look at a direct-mapped table of entry numbers, and one
 * comparison. An entry that another one pushed from its slot is merely sent again.
 */
import { copyBytes, equalBytes } from "../../base/mod.ts";
import { FieldId, fieldNames } from "../http1/mod.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { tableBytesDefault } from "./hpack-decoder.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import type { Output } from "./output.ts";
import { staticCount, staticFields } from "./static-table.ts";

/** Indexes of the static table where the pseudo-fields stand. */
const staticAuthority = 1;
const staticGet = 2;
const staticPost = 3;
const staticPath = 4;
const staticHttp = 6;
const staticHttps = 7;
/** Of 200; the others follow in the order of `indexedStatuses`. */
const staticStatus = 8;
const indexedStatuses = [200, 204, 206, 304, 400, 404, 500] as const;

/** The id of `:authority` in the table, above those of fields: the one pseudo-field that is kept there. */
const authorityId = 0xff;
const lookupSlots = 128;
const seenSlots = 64;
/** Below this a shorter text saves at most a byte or two and costs a pass over it. */
const huffmanBytesMin = 6;
/** Length prefixes of name and value and the first byte, each at most five bytes. */
const fieldPrefixBytesMax = 15;
const hashedBytes = 16;
const hashedBytesFirst = 4;
const never = 0x10;
const without = 0x00;
const kept = 0x40;

/** How a field of an id is sent: `kept` when it comes again, `without` the table, or `never` by anyone. */
const policyById = new Uint8Array(256).fill(kept);
for (const id of [FieldId.authorization, FieldId.proxyAuthorization, FieldId.cookie, FieldId.setCookie]) {
  policyById[id] = never;
}
for (const id of [
  FieldId.contentLength,
  FieldId.age,
  FieldId.etag,
  FieldId.lastModified,
  FieldId.ifMatch,
  FieldId.ifNoneMatch,
  FieldId.ifModifiedSince,
  FieldId.ifUnmodifiedSince,
  FieldId.range,
  FieldId.contentRange,
  FieldId.location,
  FieldId.traceparent,
  FieldId.requestId,
  FieldId.idempotencyKey,
  FieldId.webSocketKey,
  FieldId.webSocketAccept,
]) {
  policyById[id] = without;
}

const namesById = fieldNames.map((name) => Buffer.from(name, "latin1") as Uint8Array);
/** Static index of a known name, 0 where there is none. */
const staticById = new Uint8Array(256);
for (let index = staticCount; index >= 1; index--) {
  const id = fieldNames.indexOf(staticFields[index - 1]![0]);
  if (id > 0) staticById[id] = index;
}
staticById[authorityId] = staticAuthority;

const nameScratch = new Uint8Array(256);
const digits = new Uint8Array(3);
const noBytes = new Uint8Array(0);
const authorityName = Buffer.from(":authority", "latin1") as Uint8Array;
const protocolName = Buffer.from(":protocol", "latin1") as Uint8Array;

export class HpackEncoder {
  private readonly table = new DynamicTable(tableBytesDefault);
  private readonly tableBytesMax: number;
  /** The smallest size since the last block, and whether a change must be announced (RFC 7541 §4.2). */
  private smallestSize = tableBytesDefault;
  private isUpdateDue = false;
  /** Number of an entry and one, by the low bits of its hash. Made with the first entry. */
  private lookup = new Int32Array(0);
  /** Hash of a field that was sent once, by its low bits. */
  private seen = new Int32Array(0);

  /** @param tableBytesMax the most this side wants to own, whatever the peer allows */
  constructor(tableBytesMax: number = tableBytesDefault) {
    this.tableBytesMax = tableBytesMax;
    if (tableBytesMax < tableBytesDefault) this.allowTableBytes(tableBytesMax);
  }

  get tableCount(): number {
    return this.table.count;
  }

  get tableSize(): number {
    return this.table.size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  allowTableBytes(tableBytesMax: number): void {
    const size = Math.min(tableBytesMax, this.tableBytesMax);
    if (size === this.table.maxSize) return;
    this.smallestSize = Math.min(this.smallestSize, size);
    this.isUpdateDue = true;
    this.table.resize(size);
  }

  /** To be called at the start of every block: announces a changed size of the table. */
  begin(output: Output): void {
    if (!this.isUpdateDue) return;
    output.reserve(10);
    const { bytes } = output;
    if (this.smallestSize < this.table.maxSize) output.end = putInteger(bytes, output.end, 0x20, 5, this.smallestSize);
    output.end = putInteger(bytes, output.end, 0x20, 5, this.table.maxSize);
    this.smallestSize = this.table.maxSize;
    this.isUpdateDue = false;
  }

  /** @param status three digits */
  status(output: Output, status: number): void {
    output.reserve(fieldPrefixBytesMax);
    if (status === 200) {
      output.bytes[output.end++] = 0x80 | staticStatus;
      return;
    }
    for (let i = 1; i < indexedStatuses.length; i++) {
      if (indexedStatuses[i] === status) {
        output.bytes[output.end++] = 0x80 | (staticStatus + i);
        return;
      }
    }
    digits[0] = 48 + ((status / 100) | 0);
    digits[1] = 48 + (((status / 10) | 0) % 10);
    digits[2] = 48 + (status % 10);
    this.writeLiteral(output, without, staticStatus, noBytes, 0, 0, digits, 0, 3);
  }

  method(output: Output, bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    const index =
      length === 3 && bytes[from] === 0x47 ? staticGet : length === 4 && bytes[from + 1] === 0x4f ? staticPost : 0;
    // GET and POST are the only methods of their length with these letters there.
    if (index !== 0 && isMethod(bytes, from, index)) {
      output.reserve(1);
      output.bytes[output.end++] = 0x80 | index;
    } else this.writeLiteral(output, without, staticGet, noBytes, 0, 0, bytes, from, to);
  }

  scheme(output: Output, isTls: boolean): void {
    output.reserve(1);
    output.bytes[output.end++] = 0x80 | (isTls ? staticHttps : staticHttp);
  }

  path(output: Output, bytes: Uint8Array, from: number, to: number): void {
    if (to - from === 1 && bytes[from] === 0x2f) {
      output.reserve(1);
      output.bytes[output.end++] = 0x80 | staticPath;
    } else this.writeLiteral(output, without, staticPath, noBytes, 0, 0, bytes, from, to);
  }

  authority(output: Output, bytes: Uint8Array, from: number, to: number): void {
    this.write(output, authorityId, noBytes, 0, 0, bytes, from, to);
  }

  protocol(output: Output, bytes: Uint8Array, from: number, to: number): void {
    this.writeLiteral(output, without, 0, protocolName, 0, protocolName.length, bytes, from, to);
  }

  /**
   * A field whose name may have uppercase letters. `id` is the name's `FieldId`; the name's text is only looked at where
   * that is 0. `isSensitive` is 1 where a previous sender asked that nobody keep the field.
   */
  field(
    output: Output,
    id: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    isSensitive: number,
  ): void {
    let policy = policyById[id]!;
    if (isSensitive === 1) policy = never;
    if (id !== FieldId.other) {
      if (policy === kept) this.write(output, id, noBytes, 0, 0, bytes, valueStart, valueEnd);
      else {
        const name = namesById[id]!;
        this.writeLiteral(output, policy, staticById[id]!, name, 0, name.length, bytes, valueStart, valueEnd);
      }
      return;
    }
    const length = nameEnd - nameStart;
    if (length > nameScratch.length) {
      this.writeLongName(output, bytes, nameStart, nameEnd, valueStart, valueEnd, policy === never);
      return;
    }
    lower(bytes, nameStart, nameEnd, nameScratch, 0);
    if (policy === kept) this.write(output, 0, nameScratch, 0, length, bytes, valueStart, valueEnd);
    else this.writeLiteral(output, policy, 0, nameScratch, 0, length, bytes, valueStart, valueEnd);
  }

  /** A field by index if the table has it, else spelled out; and into the table when it comes for the second time. */
  private write(
    output: Output,
    id: number,
    names: Uint8Array,
    nameStart: number,
    nameEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const table = this.table;
    const hash = hashOf(values, valueStart, valueEnd, hashOf(names, nameStart, nameEnd, id + 1));
    const meta = (id << 24) | (hash & 0xffffff);
    if (this.lookup.length === 0) this.makeLookups();
    const slot = hash & (lookupSlots - 1);
    const number = this.lookup[slot]! - 1;
    if (number >= table.inserted - table.count && table.meta(number) === meta) {
      if (this.isEntry(number, names, nameStart, nameEnd, values, valueStart, valueEnd)) {
        output.reserve(fieldPrefixBytesMax);
        output.end = putInteger(output.bytes, output.end, 0x80, 7, staticCount + table.inserted - number);
        return;
      }
    }
    const nameIndex = staticById[id]!;
    const name = nameIndex === 0 && id !== 0 ? namesById[id]! : names;
    const nameTo = nameIndex === 0 && id !== 0 ? name.length : nameEnd;
    const seenSlot = (hash >>> 7) & (seenSlots - 1);
    if (this.seen[seenSlot] !== hash) {
      this.seen[seenSlot] = hash;
      this.writeLiteral(output, without, nameIndex, name, nameStart, nameTo, values, valueStart, valueEnd);
      return;
    }
    this.writeLiteral(output, kept, nameIndex, name, nameStart, nameTo, values, valueStart, valueEnd);
    const text = id === authorityId ? authorityName : id === 0 ? names : namesById[id]!;
    const textEnd = id === 0 ? nameEnd : text.length;
    table.add(text, nameStart, textEnd - nameStart, values, valueStart, valueEnd - valueStart, meta);
    this.lookup[slot] = table.inserted;
  }

  /** Whether an entry whose id and hash are right holds this very field. */
  private isEntry(
    number: number,
    names: Uint8Array,
    nameStart: number,
    nameEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const { table } = this;
    if (table.valueLength(number) !== valueEnd - valueStart) return false;
    const start = table.start(number);
    const nameLength = table.nameLength(number);
    if (nameEnd > nameStart) {
      if (nameLength !== nameEnd - nameStart) return false;
      if (!equalBytes(names, nameStart, nameEnd, table.bytes, start)) return false;
    }
    return equalBytes(values, valueStart, valueEnd, table.bytes, start + nameLength + 2);
  }

  private makeLookups(): void {
    this.lookup = new Int32Array(lookupSlots);
    this.seen = new Int32Array(seenSlots);
  }

  /** A field spelled out, its name by static index where `nameIndex` is not 0. */
  private writeLiteral(
    output: Output,
    policy: number,
    nameIndex: number,
    names: Uint8Array,
    nameStart: number,
    nameEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    output.reserve(fieldPrefixBytesMax + nameEnd - nameStart + valueEnd - valueStart);
    const { bytes } = output;
    let at = putInteger(bytes, output.end, policy, policy === kept ? 6 : 4, nameIndex);
    if (nameIndex === 0) at = putString(bytes, at, names, nameStart, nameEnd);
    output.end = putString(bytes, at, values, valueStart, valueEnd);
  }

  /** A name too long to be worth a table: in lower case, without Huffman. */
  private writeLongName(
    output: Output,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    isNever: boolean,
  ): void {
    output.reserve(fieldPrefixBytesMax + nameEnd - nameStart + valueEnd - valueStart);
    const target = output.bytes;
    let at = output.end;
    target[at++] = isNever ? never : without;
    at = putInteger(target, at, 0, 7, nameEnd - nameStart);
    lower(bytes, nameStart, nameEnd, target, at);
    output.end = putString(target, at + nameEnd - nameStart, bytes, valueStart, valueEnd);
  }
}

function isMethod(bytes: Uint8Array, from: number, index: number): boolean {
  if (index === staticGet) return bytes[from + 1] === 0x45 && bytes[from + 2] === 0x54;
  return bytes[from] === 0x50 && bytes[from + 2] === 0x53 && bytes[from + 3] === 0x54;
}

function lower(bytes: Uint8Array, from: number, to: number, target: Uint8Array, offset: number): void {
  let at = offset;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    target[at++] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  }
}

/**
 * FNV-1a (Fowler, Noll, Vo) over the length, the first four and the last twelve bytes, folded so that low and high bits both
 * depend on every byte: where dates and numbers differ. Texts that differ elsewhere share a slot, which costs a literal.
 */
function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = Math.imul(seed ^ (to - from), 0x01000193) ^ 0x811c9dc5;
  let at = from;
  if (to - from > hashedBytes) {
    for (; at < from + hashedBytesFirst; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    at = to - hashedBytes + hashedBytesFirst;
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

/** Writes an integer behind a prefix (RFC 7541 §5.1) whose first byte has the high bits `first`. */
export function putInteger(target: Uint8Array, at: number, first: number, prefixBits: number, value: number): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    target[at] = first | value;
    return at + 1;
  }
  target[at++] = first | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    target[at++] = 0x80 | (rest & 0x7f);
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}

/** Writes a string literal, by Huffman's code where that is shorter (RFC 7541 §5.2). */
function putString(target: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length >= huffmanBytesMin) {
    const packed = huffmanLength(bytes, from, to);
    if (packed < length) return encodeHuffman(bytes, from, to, target, putInteger(target, at, 0x80, 7, packed));
  }
  return copyBytes(bytes, from, to, target, putInteger(target, at, 0, 7, length));
}
