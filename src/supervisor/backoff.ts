/**
 * How long to wait before replacing a crashed worker: nothing the first time, because a crash takes capacity away now,
 * then exponentially longer, because a worker that dies at once will do so again and must not eat the machine.
 */
import { backoffBaseMs, backoffMsMax, stableMs } from "./timing.ts";

export class Backoff {
  private crashes = 0;

  /** @param ranMs how long the crashed worker had been serving; 0 when it never was ready */
  delayMs(ranMs: number): number {
    if (ranMs >= stableMs) this.crashes = 0;
    this.crashes += 1;
    if (this.crashes === 1) return 0;
    return Math.min(backoffBaseMs * 2 ** (this.crashes - 2), backoffMsMax);
  }

  /** Crashes in a row, the last one included. */
  get crashesInRow(): number {
    return this.crashes;
  }
}
