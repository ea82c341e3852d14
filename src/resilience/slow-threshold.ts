/** @hot
 * What counts as a slow call: four times the recent 95th percentile of this upstream's answers, and never less than a
 * floor, so that fast upstreams are not called slow for a few milliseconds. The percentile forgets: every half hour all
 * counts are halved. Each worker keeps its own; they see the same upstream.
 *
 * Only calls through a closed breaker are recorded, so an upstream that stays slow does not become the norm while it is
 * being refused. Trade: an upstream that gets slower by little and little over hours does.
 */
import { compactLatencyShape, type HistogramShape } from "../base/mod.ts";

const shape: HistogramShape = compactLatencyShape;
const halveAfterMs = 1_800_000;
const callsMin = 100;

export class SlowThreshold {
  /** A call that took longer is slow; microseconds. */
  thresholdUs: number;
  private readonly floorUs: number;
  private readonly factor: number;
  private readonly counts: Uint32Array = new Uint32Array(shape.bucketsCount);
  private total = 0;
  private halvedMs: number;

  /** @param floorMs no call faster than this is slow; @param factor multiples of the 95th percentile, 0 for the floor alone */
  constructor(floorMs: number, factor: number, nowMs: number) {
    this.floorUs = floorMs * 1000;
    this.factor = factor;
    this.thresholdUs = this.floorUs;
    this.halvedMs = nowMs;
  }

  record(durationUs: number): void {
    const index = shape.indexOf(durationUs < shape.maxValue ? durationUs : shape.maxValue);
    this.counts[index] = this.counts[index]! + 1;
    this.total += 1;
  }

  /** Takes the percentile anew; call it about every second. */
  update(nowMs: number): void {
    if (nowMs - this.halvedMs >= halveAfterMs) this.halve(nowMs);
    if (this.total < callsMin || this.factor === 0) return;
    let above = this.total * 0.05;
    let index = shape.bucketsCount - 1;
    for (; index > 0 && above >= this.counts[index]!; index--) above -= this.counts[index]!;
    this.thresholdUs = Math.max(this.floorUs, shape.highestOf(index) * this.factor);
  }

  private halve(nowMs: number): void {
    this.halvedMs = nowMs;
    this.total = 0;
    for (let index = 0; index < this.counts.length; index++) {
      const half = this.counts[index]! >>> 1;
      this.counts[index] = half;
      this.total += half;
    }
  }
}
