/** @hot
 * The rule of the article as it is written: a token bucket; every 5 s, if P95 > 15 ms the rate becomes 0.7 of itself, and
 * if P95 < 10 ms the burst becomes 0.4 times the measured requests per second. It has no term that raises the rate again,
 * acts only every 5 s and on one percentile of all traffic: it is here as the baseline that the others are measured by.
 */
import { compactLatencyShape, Histogram } from "../base/mod.ts";
import type { Admission, AdmissionSettings } from "./admission.ts";

const periodUs = 5_000_000;
const highRatio = 1;
const lowRatio = 10 / 15;

export class ArticleAdmission implements Admission {
  readonly limit = Number.POSITIVE_INFINITY;
  readonly usesQueue = false;
  private readonly targetUs: number;
  private readonly latencies: Histogram = new Histogram(compactLatencyShape);
  private perSecond: number;
  private burst: number;
  private tokens: number;
  private filledUs: number;
  private endsUs: number;

  constructor(settings: AdmissionSettings, nowUs: number) {
    this.targetUs = settings.targetMs * 1000;
    this.perSecond = settings.articleRate;
    this.burst = 0.4 * settings.articleRate;
    this.tokens = this.burst;
    this.filledUs = nowUs;
    this.endsUs = nowUs + periodUs;
  }

  admits(nowUs: number): boolean {
    const tokens = this.tokens + ((nowUs - this.filledUs) * this.perSecond) / 1e6;
    this.tokens = tokens < this.burst ? tokens : this.burst;
    this.filledUs = nowUs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  dropsWaiting(): boolean {
    return false;
  }

  record(_nowUs: number, _serviceUs: number, totalUs: number): void {
    this.latencies.record(totalUs < compactLatencyShape.maxValue ? totalUs : compactLatencyShape.maxValue);
  }

  tick(nowUs: number): void {
    if (nowUs < this.endsUs) return;
    this.endsUs = nowUs + periodUs;
    const perSecond = this.latencies.count / (periodUs / 1e6);
    const p95Us = this.latencies.percentile(95);
    if (p95Us > this.targetUs * highRatio) this.perSecond *= 0.7;
    else if (p95Us < this.targetUs * lowRatio && this.latencies.count > 0) this.burst = Math.max(1, 0.4 * perSecond);
    this.latencies.reset();
  }
}
