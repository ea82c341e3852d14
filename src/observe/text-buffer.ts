/**
 * A byte buffer that grows to the largest text written into it and is used again for the next: a scrape of a megabyte
 * every second would otherwise be a megabyte of garbage every second. Limit: text is Latin-1 or given as bytes.
 */
import { copyBytes, writeDecimal, writeLatin1 } from "../base/mod.ts";

export class TextBuffer {
  private bytes: Uint8Array;
  private end = 0;

  constructor(startBytes = 65_536) {
    this.bytes = new Uint8Array(startBytes);
  }

  clear(): void {
    this.end = 0;
  }

  /** What was written since `clear`, as a copy. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.end) as Uint8Array<ArrayBuffer>;
  }

  append(part: Uint8Array): void {
    this.reserve(part.length);
    this.end = copyBytes(part, 0, part.length, this.bytes, this.end);
  }

  appendLatin1(text: string): void {
    this.reserve(text.length);
    this.end = writeLatin1(text, this.bytes, this.end);
  }

  /** A number as people and Prometheus write it. */
  appendNumber(value: number): void {
    this.reserve(32);
    if (Number.isSafeInteger(value) && value >= 0) this.end = writeDecimal(value, this.bytes, this.end);
    else this.end = writeLatin1(String(value), this.bytes, this.end);
  }

  /** Microseconds as seconds with six decimals. */
  appendSeconds(us: number): void {
    this.reserve(32);
    const whole = Math.round(us);
    const seconds = Math.floor(whole / 1e6);
    this.end = writeDecimal(seconds, this.bytes, this.end);
    this.bytes[this.end] = 0x2e;
    let rest = whole - seconds * 1e6;
    for (let offset = this.end + 6; offset > this.end; offset--) {
      const next = Math.floor(rest / 10);
      this.bytes[offset] = 0x30 + (rest - next * 10);
      rest = next;
    }
    this.end += 7;
  }

  appendNewline(): void {
    this.reserve(1);
    this.bytes[this.end++] = 0x0a;
  }

  private reserve(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.end + length));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
  }
}
