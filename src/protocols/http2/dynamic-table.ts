/**
 * @hot The dynamic table of HPACK (RFC 7541 §2.3.2 and §4), for decoder and encoder.
 *
 * Entries are lines `name: value` CRLF, one behind the other in a buffer, so that an indexed field becomes a line of
 * HTTP/1.1 with one copy. New lines go to the end; when the end is reached, what is still alive moves to the front. The
 * buffer being twice as long as the table may be, a byte moves at most once for every byte added.
 *
 *     |  evicted  | oldest | ... | newest |  free  |
 *
 * Nothing is allocated until the first entry, and the buffers double up to what the table may hold: a connection that
 * sends no new fields owns no table.
 */
import { assert, copyBytes } from "../../base/mod.ts";

/** What an entry costs besides its text (§4.1), and what a line has besides it: `: ` and CRLF. */
export const entryOverheadBytes = 32;
export const lineOverheadBytes = 4;
const firstBytes = 512;
const firstEntries = 16;

export class DynamicTable {
  /** The size that evicts, in the RFC's count: text and 32 bytes for each entry. */
  maxSize: number;
  size = 0;
  /** Number of entries alive; the newest has the number `inserted - 1`, the oldest `inserted - count`. */
  count = 0;
  inserted = 0;
  bytes = new Uint8Array(0);
  private end = 0;
  private mask = -1;
  private starts = new Int32Array(0);
  private nameLengths = new Int32Array(0);
  private valueLengths = new Int32Array(0);
  private metas = new Int32Array(0);

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /** An entry by its number; see `inserted`. */
  start(number: number): number {
    return this.starts[number & this.mask]!;
  }

  nameLength(number: number): number {
    return this.nameLengths[number & this.mask]!;
  }

  valueLength(number: number): number {
    return this.valueLengths[number & this.mask]!;
  }

  /** What the owner noted about an entry when it added it. */
  meta(number: number): number {
    return this.metas[number & this.mask]!;
  }

  /** Sets the largest size, evicting what no longer fits (§4.3). */
  resize(maxSize: number): void {
    this.maxSize = maxSize;
    while (this.size > maxSize) this.evict();
  }

  /** Adds an entry, evicting the oldest ones first; one that is larger than the table empties it (§4.4). */
  add(
    names: Uint8Array,
    nameStart: number,
    nameLength: number,
    values: Uint8Array,
    valueStart: number,
    valueLength: number,
    meta: number,
  ): void {
    const cost = nameLength + valueLength + entryOverheadBytes;
    while (this.count > 0 && this.size + cost > this.maxSize) this.evict();
    if (cost > this.maxSize) return;
    if (this.count === this.starts.length) this.growEntries();
    const length = nameLength + valueLength + lineOverheadBytes;
    if (this.end + length > this.bytes.length) this.makeRoom(length);
    const slot = this.inserted & this.mask;
    this.starts[slot] = this.end;
    this.nameLengths[slot] = nameLength;
    this.valueLengths[slot] = valueLength;
    this.metas[slot] = meta;
    this.end = putLine(this.bytes, this.end, names, nameStart, nameLength, values, valueStart, valueLength);
    this.inserted += 1;
    this.count += 1;
    this.size += cost;
  }

  private evict(): void {
    assert(this.count > 0, "an empty HPACK table has nothing to evict");
    const slot = (this.inserted - this.count) & this.mask;
    this.size -= this.nameLengths[slot]! + this.valueLengths[slot]! + entryOverheadBytes;
    this.count -= 1;
    if (this.count === 0) this.end = 0;
  }

  /** Moves what lives to the front, or to a larger buffer. @cold once in as many bytes as the table holds */
  private makeRoom(length: number): void {
    const first = this.count === 0 ? this.end : this.start(this.inserted - this.count);
    const live = this.end - first;
    let size = Math.max(firstBytes, this.bytes.length);
    while (size < 2 * (live + length)) size *= 2;
    if (size === this.bytes.length) this.bytes.copyWithin(0, first, this.end);
    else {
      const grown = new Uint8Array(size);
      grown.set(this.bytes.subarray(first, this.end));
      this.bytes = grown;
    }
    for (let i = 1; i <= this.count; i++) {
      const slot = (this.inserted - i) & this.mask;
      this.starts[slot] = this.starts[slot]! - first;
    }
    this.end = live;
  }

  private growEntries(): void {
    const length = Math.max(firstEntries, 2 * this.starts.length);
    const mask = length - 1;
    this.starts = this.regrown(this.starts, mask);
    this.nameLengths = this.regrown(this.nameLengths, mask);
    this.valueLengths = this.regrown(this.valueLengths, mask);
    this.metas = this.regrown(this.metas, mask);
    this.mask = mask;
  }

  private regrown(old: Int32Array<ArrayBuffer>, mask: number): Int32Array<ArrayBuffer> {
    const grown = new Int32Array(mask + 1);
    for (let i = 1; i <= this.count; i++) {
      const number = this.inserted - i;
      grown[number & mask] = old[number & this.mask]!;
    }
    return grown;
  }
}

/** Writes `name: value` CRLF at `at`; returns its end. */
export function putLine(
  target: Uint8Array,
  at: number,
  names: Uint8Array,
  nameStart: number,
  nameLength: number,
  values: Uint8Array,
  valueStart: number,
  valueLength: number,
): number {
  let end = copyBytes(names, nameStart, nameStart + nameLength, target, at);
  target[end] = 0x3a;
  target[end + 1] = 0x20;
  end = copyBytes(values, valueStart, valueStart + valueLength, target, end + 2);
  target[end] = 0x0d;
  target[end + 1] = 0x0a;
  return end + 2;
}
