/** @hot
 * A fixed number in flight with CoDel (RFC 8289) on the queue in front: once requests have waited over 5 ms for 100 ms,
 * heads are refused, faster and faster, until the wait is short again. Made for senders that slow down when dropped, which
 * clients of an open loop do not.
 */
import type { Admission, AdmissionSettings } from "./admission.ts";

const targetUs = 5_000;
const intervalUs = 100_000;

export class CodelAdmission implements Admission {
  readonly limit: number;
  readonly usesQueue = true;
  private aboveSinceUs = 0;
  private isDropping = false;
  private nextDropUs = 0;
  private drops = 0;

  constructor(settings: AdmissionSettings) {
    this.limit = settings.initial;
  }

  admits(): boolean {
    return true;
  }

  dropsWaiting(nowUs: number, waitedUs: number): boolean {
    if (waitedUs < targetUs) {
      this.aboveSinceUs = 0;
      this.isDropping = false;
      return false;
    }
    if (this.aboveSinceUs === 0) {
      this.aboveSinceUs = nowUs;
      return false;
    }
    if (!this.isDropping) {
      if (nowUs - this.aboveSinceUs < intervalUs) return false;
      this.isDropping = true;
      this.drops = this.drops > 2 ? this.drops - 2 : 1;
      this.nextDropUs = nowUs + intervalUs / Math.sqrt(this.drops);
      return true;
    }
    if (nowUs < this.nextDropUs) return false;
    this.drops += 1;
    this.nextDropUs += intervalUs / Math.sqrt(this.drops);
    return true;
  }

  record(): void {}

  tick(): void {}
}
