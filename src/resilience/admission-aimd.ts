/** @hot
 * Additive increase, multiplicative decrease (Chiu and Jain 1989) of the number in flight: one more per limit's worth of
 * answers in time while at least half the limit is used, nine tenths after an answer over the target or a drop. At most
 * one decrease per answer time, or one slow moment would be punished once for each request in it.
 */
import type { Admission, AdmissionSettings } from "./admission.ts";

export class AimdAdmission implements Admission {
  readonly usesQueue = false;
  private readonly targetUs: number;
  private readonly min: number;
  private readonly max: number;
  private current: number;
  private peakInFlight = 0;
  private cutUs = 0;

  constructor(settings: AdmissionSettings) {
    this.targetUs = settings.targetMs * 1000;
    this.min = settings.min;
    this.max = settings.max;
    this.current = settings.initial;
  }

  get limit(): number {
    return this.current;
  }

  admits(): boolean {
    return true;
  }

  dropsWaiting(): boolean {
    return false;
  }

  record(nowUs: number, serviceUs: number, totalUs: number, isDrop: boolean): void {
    if (isDrop || totalUs > this.targetUs) {
      // Only a request that started after the last cut has seen its effect.
      if (nowUs - serviceUs < this.cutUs) return;
      this.cutUs = nowUs;
      this.current = Math.max(this.min, this.current * 0.9);
    } else if (this.peakInFlight * 2 >= this.current) {
      this.current = Math.min(this.max, this.current + 1 / this.current);
    }
  }

  tick(_nowUs: number, peakInFlight: number): void {
    this.peakInFlight = peakInFlight;
  }
}
