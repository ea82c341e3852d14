/** @hot
 * How close the gateway itself is to its limits, and which lanes it turns away for it. Each resource gives a number from
 * 0 to 1 (event-loop delay, memory, descriptors, delay in queues); the highest counts. Each lane has a bar: above it a
 * share of the lane's requests is refused that grows with the pressure, from nothing at the bar to all but a twentieth
 * at 1, so that the lowest lane is never shut. Lane 0 is never shed.
 *
 * Refusals are spread evenly by counting, not drawn: half a share refuses every second request.
 */
import { assert } from "../base/mod.ts";

/** Bars of cancel, order, market, query: the least valuable goes first. */
export const pressureBars: readonly number[] = [1, 0.95, 0.8, 0.7];
const shareMax = 0.95;
const fall = 0.2;

export interface PressureLimits {
  readonly loopDelayMs: number;
  readonly memoryBytes: number;
  readonly descriptors: number;
  readonly queueDelayMs: number;
}

export const pressureSources = ["event-loop delay", "memory", "descriptors", "queue delay"] as const;

export class Pressure {
  /** 0 to 1, the highest of the four. */
  value = 0;
  /** Which of `pressureSources` it comes from. */
  source = 0;
  private readonly limits: Float64Array;
  private readonly values: Float64Array = new Float64Array(4);
  private readonly bars: Float64Array;
  private readonly shares: Float64Array;
  private readonly owed: Float64Array;

  constructor(limits: PressureLimits, bars: readonly number[] = pressureBars) {
    assert(bars[0] === 1, "the first lane is never shed");
    this.limits = Float64Array.of(limits.loopDelayMs, limits.memoryBytes, limits.descriptors, limits.queueDelayMs);
    this.bars = Float64Array.from(bars);
    this.shares = new Float64Array(bars.length);
    this.owed = new Float64Array(bars.length);
  }

  /** Takes new measurements, about every 100 ms. Pressure rises at once and falls by a fifth of the way each time. */
  update(loopDelayMs: number, memoryBytes: number, descriptors: number, queueDelayMs: number): void {
    this.follow(0, loopDelayMs);
    this.follow(1, memoryBytes);
    this.follow(2, descriptors);
    this.follow(3, queueDelayMs);
    this.source = 0;
    for (let index = 1; index < 4; index++) if (this.values[index]! > this.values[this.source]!) this.source = index;
    this.value = this.values[this.source]!;
    for (let lane = 1; lane < this.bars.length; lane++) {
      const bar = this.bars[lane]!;
      const share = (this.value - bar) / (1 - bar);
      this.shares[lane] = share <= 0 ? 0 : Math.min(shareMax, share);
    }
  }

  /** The share of the lane's requests that is refused now. */
  shareOf(lane: number): number {
    return this.shares[lane]!;
  }

  /** Whether this request of the lane is refused. */
  sheds(lane: number): boolean {
    const share = this.shares[lane]!;
    if (share === 0) return false;
    const owed = this.owed[lane]! + share;
    this.owed[lane] = owed >= 1 ? owed - 1 : owed;
    return owed >= 1;
  }

  private follow(index: number, measured: number): void {
    const limit = this.limits[index]!;
    const now = limit === 0 ? 0 : Math.min(1, measured / limit);
    const before = this.values[index]!;
    this.values[index] = now >= before ? now : before + (now - before) * fall;
  }
}
