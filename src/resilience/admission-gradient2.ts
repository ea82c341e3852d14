/** @hot
 * Netflix concurrency-limits, Gradient2, with its published constants: the limit follows the ratio of the long to the
 * short average of answer times. Its known weaknesses are kept, because it is here to be compared: drops are ignored, and
 * with every call timing out alike the gradient is 1 and the limit climbs (concurrency-limits#137, #176).
 */
import type { Admission, AdmissionSettings } from "./admission.ts";

const windowUs = 100_000;
const samplesMin = 10;
const queueAllowance = 4;
const smoothing = 0.2;
const tolerance = 1.5;
const longWindow = 600;
const warmUp = 10;

export class Gradient2Admission implements Admission {
  readonly usesQueue = false;
  private readonly min: number;
  private readonly max: number;
  private current: number;
  private longUs = 0;
  private windows = 0;
  private sumUs = 0;
  private samples = 0;
  private peak = 0;
  private nextUs = 0;

  constructor(settings: AdmissionSettings) {
    this.min = Math.max(20, settings.min);
    this.max = Math.min(200, settings.max);
    this.current = Math.max(20, settings.initial);
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

  record(_nowUs: number, serviceUs: number): void {
    this.sumUs += serviceUs;
    this.samples += 1;
  }

  tick(nowUs: number, peakInFlight: number): void {
    if (peakInFlight > this.peak) this.peak = peakInFlight;
    if (nowUs < this.nextUs || this.samples < samplesMin) return;
    this.nextUs = nowUs + windowUs;
    const shortUs = this.sumUs / this.samples;
    const peak = this.peak;
    this.sumUs = 0;
    this.samples = 0;
    this.peak = 0;
    this.windows += 1;
    if (this.windows <= warmUp) this.longUs += (shortUs - this.longUs) / this.windows;
    else this.longUs += ((shortUs - this.longUs) * 2) / (longWindow + 1);
    if (this.longUs > shortUs * 2) this.longUs *= 0.95;
    if (peak < this.current / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.longUs) / shortUs));
    const next = this.current * gradient + queueAllowance;
    this.current = Math.max(this.min, Math.min(this.max, this.current * (1 - smoothing) + next * smoothing));
  }
}
