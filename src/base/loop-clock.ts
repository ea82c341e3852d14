/**
 * The monotonic time of the callback in progress, read once a callback instead of once a request. @hot
 *
 * Whoever is called by the event loop calls `refresh` first; everything below reads `nowMs`.
 */
import type { Clock } from "./clock.ts";

export class LoopClock {
  readonly clock: Clock;
  /** Monotonic milliseconds (fractional) at the last `refresh`. */
  nowMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.nowMs = clock.monotonicMs();
  }

  refresh(): void {
    this.nowMs = this.clock.monotonicMs();
  }
}
