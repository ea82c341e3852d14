/** @hot
 * A log-linear histogram over one piece of memory, which may be shared with another process. It trades memory for a record
 * of a few nanoseconds and an error bounded by its shape (see histogram-shape.ts).
 *
 *     Float64Array   [0] count   [1] sum   [2] min   [3] max   [4 ...] one count per bucket
 *
 * Counts are 64-bit floats: exact to 2^53, never in need of a carry, and stored whole by every 64-bit machine, so that a
 * reader in another process never sees half a count. There may be one writer at a time; a reader that runs beside it may
 * see a record's bucket before its total, so readers that need both take the total from the buckets.
 */
import { assert } from "./assert.ts";
import type { HistogramShape } from "./histogram-shape.ts";

const countAt = 0;
const sumAt = 1;
const minAt = 2;
const maxAt = 3;
const bucketsAt = 4;

export class Histogram {
  readonly shape: HistogramShape;
  /** Header and buckets as drawn above; may be copied or written to a file as they are. */
  readonly memory: Float64Array;
  private readonly maxValue: number;

  /** How many elements of a Float64Array a histogram of this shape occupies. */
  static lengthOf(shape: HistogramShape): number {
    return bucketsAt + shape.bucketsCount;
  }

  /** @param memory zeroed or holding a histogram of the same shape; made when absent */
  constructor(shape: HistogramShape, memory: Float64Array = new Float64Array(Histogram.lengthOf(shape))) {
    assert(memory.length === Histogram.lengthOf(shape), "a histogram's memory has the length of its shape");
    this.shape = shape;
    this.memory = memory;
    this.maxValue = shape.maxValue;
  }

  /** Records one value; above the shape's largest value it counts as that one. A negative value or NaN is a bug. */
  record(value: number): void {
    this.recordMany(value, 1);
  }

  /** Records a value `count` times. */
  recordMany(value: number, count: number): void {
    assert(value >= 0, "a histogram records values of zero and more");
    const kept = value < this.maxValue ? value : this.maxValue;
    const memory = this.memory;
    const index = bucketsAt + this.shape.indexOf(kept);
    memory[index] = memory[index]! + count;
    const before = memory[countAt]!;
    memory[countAt] = before + count;
    memory[sumAt] = memory[sumAt]! + kept * count;
    if (kept > memory[maxAt]!) memory[maxAt] = kept;
    if (kept < memory[minAt]! || before === 0) memory[minAt] = kept;
  }

  get count(): number {
    return this.memory[countAt]!;
  }

  /** The sum of the recorded values, exact up to 2^53. */
  get sum(): number {
    return this.memory[sumAt]!;
  }

  /** The smallest recorded value, 0 when there is none. */
  get min(): number {
    return this.memory[minAt]!;
  }

  /** The largest recorded value, 0 when there is none. */
  get max(): number {
    return this.memory[maxAt]!;
  }

  /** 0 when nothing was recorded. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The standard deviation of the bucket middles. */
  get deviation(): number {
    const { memory, shape, mean } = this;
    if (this.count === 0) return 0;
    let squares = 0;
    for (let index = 0; index < shape.bucketsCount; index++) {
      const count = memory[bucketsAt + index]!;
      if (count > 0) squares += count * (shape.middleOf(index) - mean) ** 2;
    }
    return Math.sqrt(squares / this.count);
  }

  /**
   * The value below or at which `percent` (0 to 100) of the records lie: the top of that record's bucket and never above
   * `max`, so that a latency is never understated. 0 when nothing was recorded.
   */
  percentile(percent: number): number {
    const index = this.percentileIndex(percent);
    if (index < 0) return 0;
    return Math.max(this.min, Math.min(this.shape.highestOf(index), this.max));
  }

  /** As `percentile`, from the middle of the bucket: half the error, but it may understate. For coarse shapes. */
  percentileMiddle(percent: number): number {
    const index = this.percentileIndex(percent);
    if (index < 0) return 0;
    return Math.max(this.min, Math.min(this.shape.middleOf(index), this.max));
  }

  /** How many records are in buckets wholly at or below `value`. */
  countAtOrBelow(value: number): number {
    const { memory, shape } = this;
    if (value >= this.max) return this.count;
    const last = shape.indexOf(Math.min(value, this.maxValue));
    let count = 0;
    for (let index = 0; index < last; index++) count += memory[bucketsAt + index]!;
    return shape.highestOf(last) <= value ? count + memory[bucketsAt + last]! : count;
  }

  /** The count of one bucket, for encoders. */
  countAtIndex(index: number): number {
    return this.memory[bucketsAt + index]!;
  }

  /** The first and the last bucket that may not be empty: nearly all of a fine shape's lie outside of them. */
  get firstIndex(): number {
    return this.shape.indexOf(this.min);
  }

  get lastIndex(): number {
    return this.shape.indexOf(this.max);
  }

  /** Calls `visit` for every bucket that is not empty, by rising value. */
  forEachBucket(visit: (lowest: number, highest: number, count: number) => void): void {
    const { memory, shape, lastIndex } = this;
    for (let index = this.firstIndex; index <= lastIndex; index++) {
      const count = memory[bucketsAt + index]!;
      if (count > 0) visit(shape.lowestOf(index), shape.highestOf(index), count);
    }
  }

  /** Adds the records of another histogram of the same shape. */
  merge(other: Histogram): void {
    const { shape, memory } = this;
    const same = other.shape.bits === shape.bits && other.shape.maxValue === shape.maxValue;
    assert(same, "only histograms of one shape are merged");
    if (other.count === 0) return;
    const from = other.memory;
    const min = this.count === 0 ? from[minAt]! : Math.min(memory[minAt]!, from[minAt]!);
    const max = Math.max(memory[maxAt]!, from[maxAt]!);
    for (let index = 0; index < memory.length; index++) memory[index] = memory[index]! + from[index]!;
    memory[minAt] = min;
    memory[maxAt] = max;
  }

  /** Forgets everything; walks only the buckets that may be in use. */
  reset(): void {
    this.memory.fill(0, bucketsAt + this.firstIndex, bucketsAt + this.lastIndex + 1);
    this.memory.fill(0, 0, bucketsAt);
  }

  private percentileIndex(percent: number): number {
    assert(percent >= 0 && percent <= 100, "a percentile lies between 0 and 100");
    const { memory, count, lastIndex } = this;
    if (count === 0) return -1;
    const wanted = Math.max(1, Math.ceil((percent / 100) * count - 1e-9 * count));
    let seen = 0;
    for (let index = this.firstIndex; index < lastIndex; index++) {
      seen += memory[bucketsAt + index]!;
      if (seen >= wanted) return index;
    }
    return lastIndex;
  }
}
