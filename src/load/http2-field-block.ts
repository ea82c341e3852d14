/**
 * @hot
 * A field block that came in several frames, put together. Rare: most heads fit in one frame, and are read where they lie.
 */
import { copyBytes } from "../base/mod.ts";

/** Over all its frames; more than any head a person would send. */
const blockBytesMax = 262_144;

export class FieldBlock {
  bytes = new Uint8Array(0);
  end = 0;

  begin(): void {
    this.end = 0;
  }

  /** Adds a fragment; false where the block grows too large. */
  add(fragment: Uint8Array, from: number, to: number): boolean {
    const wanted = this.end + to - from;
    if (wanted > blockBytesMax) return false;
    if (this.bytes.length < wanted) this.grow(wanted);
    this.end = copyBytes(fragment, from, to, this.bytes, this.end);
    return true;
  }

  /** @cold */
  private grow(wanted: number): void {
    const larger = new Uint8Array(wanted * 2);
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
  }
}
