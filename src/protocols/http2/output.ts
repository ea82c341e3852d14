/**
 * @hot Frames waiting to be written, as one run of bytes `[start, end)` of a growable buffer.
 *
 * The owner writes that run to its socket and calls `drain` with the number of bytes taken. The buffer keeps its place
 * while anything waits and starts again at zero when nothing does, so that a frame is never split in two runs. It doubles
 * as needed and is given back when it has grown beyond `keepBytes` and stands empty: an idle connection owns little.
 */

/** Four kilobytes hold the frames of a usual round: some thirty heads of answers with short bodies. */
const firstBytes = 4096;
const keepBytes = 65_536;
const none = new Uint8Array(0);

export class Output {
  bytes: Uint8Array = none;
  start = 0;
  end = 0;
  /** Bytes drained since the connection began: places in what was ever written are told apart by it. */
  drainedBytes = 0;

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  /** The place of an offset in all that was ever written; see `find`. */
  positionOf(offset: number): number {
    return this.drainedBytes + offset - this.start;
  }

  /** The offset of a place, or -1 when it was drained. */
  find(position: number): number {
    return position < this.drainedBytes ? -1 : this.start + position - this.drainedBytes;
  }

  /** Makes room for `count` more bytes behind `end`. */
  reserve(count: number): void {
    if (this.end + count > this.bytes.length) this.makeRoom(count);
  }

  /** The owner has written `count` bytes from `start`. */
  drain(count: number): void {
    this.start += count;
    this.drainedBytes += count;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > keepBytes) this.bytes = none;
  }

  /** Gives the buffer back: for an idle connection, or one that ended. */
  release(): void {
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
      this.bytes = none;
    }
  }

  /** @cold until the buffer has the size of a usual round */
  private makeRoom(count: number): void {
    const pending = this.end - this.start;
    let size = Math.max(firstBytes, this.bytes.length);
    while (size < pending + count) size *= 2;
    if (size === this.bytes.length) this.bytes.copyWithin(0, this.start, this.end);
    else {
      const grown = new Uint8Array(size);
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
    }
    this.start = 0;
    this.end = pending;
  }
}
