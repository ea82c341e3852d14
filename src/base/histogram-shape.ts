/** @hot
 * Where a value belongs in a log-linear histogram, after Gil Tene's HdrHistogram: every power of two is cut into the same
 * number of equal buckets, so that the relative error is the same everywhere. One array indexed by `indexOf`:
 *
 *     bits = 2 (four buckets per octave)
 *     value   0 1 2 3 4 5 6 7 | 8-9 10-11 12-13 14-15 | 16-19 20-23 24-27 28-31 | ...
 *     index   0 1 2 3 4 5 6 7 |  8    9    10    11   |  12    13    14    15   | ...
 *
 * The index is the same as HdrHistogram's counts array index with a unit of 1 and `2 ** (bits + 1)` sub-buckets, so counts
 * can be handed to its encoders as they are. Values are whole numbers from 0 to `maxValue` (at most 2^51).
 */
import { assert } from "./assert.ts";

const bitsByDigits = [0, 4, 7, 10, 14, 17];

export class HistogramShape {
  /** Each octave has `2 ** bits` buckets. */
  readonly bits: number;
  /** The largest value asked for; larger ones are recorded as this one. */
  readonly maxValue: number;
  /** How many counters the shape needs. */
  readonly bucketsCount: number;
  private readonly mask: number;

  /** @param bits buckets per octave as a power of two, 1 to 17: the relative width of a bucket is at most `2 ** -bits` */
  constructor(bits: number, maxValue: number) {
    assert(Number.isInteger(bits) && bits >= 1 && bits <= 17, "a histogram has 2^1 to 2^17 buckets per octave");
    assert(Number.isInteger(maxValue) && maxValue >= 2 ** (bits + 1), "a histogram's largest value spans two octaves");
    assert(maxValue <= 2 ** 51, "a histogram's largest value is at most 2^51");
    this.bits = bits;
    this.maxValue = maxValue;
    this.mask = 2 ** (bits + 1) - 1;
    let octaves = 1;
    for (let untracked = 2 ** (bits + 1); untracked <= maxValue; untracked *= 2) octaves += 1;
    this.bucketsCount = (octaves + 1) * 2 ** bits;
  }

  /** The shape that keeps `digits` significant decimal digits (1 to 5), as HdrHistogram names it. */
  static ofDigits(digits: number, maxValue: number): HistogramShape {
    const bits = bitsByDigits[digits];
    assert(bits !== undefined && bits > 0, "a histogram keeps 1 to 5 significant digits");
    return new HistogramShape(bits, maxValue);
  }

  /** The bucket of a value in [0, maxValue]; fractions are cut off. */
  indexOf(value: number): number {
    const bits = this.bits;
    if (value < 2147483648) {
      const whole = value | 0;
      const octave = 31 - Math.clz32(whole | this.mask) - bits;
      return (octave << bits) + (whole >>> octave);
    }
    const octave = 51 - Math.clz32(value / 1048576) - bits;
    return (octave << bits) + Math.floor(value / 2 ** octave);
  }

  /** The smallest value of a bucket. */
  lowestOf(index: number): number {
    const octave = Math.max(0, (index >>> this.bits) - 1);
    return (index - (octave << this.bits)) * 2 ** octave;
  }

  /** The largest whole value of a bucket. */
  highestOf(index: number): number {
    const octave = Math.max(0, (index >>> this.bits) - 1);
    return this.lowestOf(index) + 2 ** octave - 1;
  }

  /** The middle of a bucket: its error is half the bucket's width. */
  middleOf(index: number): number {
    return (this.lowestOf(index) + this.highestOf(index)) / 2;
  }
}

/** Microseconds from 1 us to 1 h at three significant digits (error <= 0.1 %): 23,552 counters, 184 KiB. */
export const latencyShape: HistogramShape = HistogramShape.ofDigits(3, 3_600_000_000);

/** The same in nanoseconds: 33,792 counters, 264 KiB. */
export const latencyNsShape: HistogramShape = HistogramShape.ofDigits(3, 3_600_000_000_000);

/** Microseconds up to 1 h in buckets at most 3.2 % wide, so 1.6 % from their middle: 896 counters, 7 KiB. */
export const compactLatencyShape: HistogramShape = new HistogramShape(5, 3_600_000_000);
