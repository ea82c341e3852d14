/** @hot
 * Weir's own policy: a number in flight just above what the upstream can work on at once, so that requests wait in the
 * gateway's lanes, where a cancel can overtake a quote, and not in the upstream, where nothing can.
 *
 *     every window (50 ms, or three answer times):
 *       drops                     limit x 0.9 at once; the window says nothing about the base
 *       not limited               base follows the answers: what they take when nobody waits; hardly, if they are slower than
 *                                 tolerance * base and half of the limit is in use: that is rather a queue that begins
 *       limited, slower than      limit x tolerance * base / answers, at most a fifth down per window; in the first two
 *         tolerance * base,       at once as far as what was in flight when nobody waited
 *         and than 1 ms
 *       limited, not slower       limit + sqrt(limit) / 4; from the fifth in a row on twice as much each, at most a quarter
 *       limited, at the floor     base moves towards the answers: a smaller limit could not tell whose pace it is
 *     every fifth limited window  dither: one window at three quarters of the limit
 *     whenever the limit fell     if answers got faster in proportion they had queued in the upstream; if they did not,
 *       by a fifth or more         the upstream itself is slower, and the base moves towards them
 *
 * It is never pinned to a small number to measure (Envoy's 503 windows), its base is guarded in both directions (no drift
 * under steady overload, recovery when the upstream's own pace changes), drops count at once, single outliers are capped.
 * After Netflix Gradient2 and Envoy's gradient controller; the dither instead of a pinned probe is ours.
 */
import type { Admission, AdmissionSettings } from "./admission.ts";

const windowUsMin = 50_000;
const windowUsMax = 1_000_000;
const samplesMin = 20;
/** Answers up to this multiple of the base mean that hardly anything queues in the upstream. */
const toleranceLeast = 1.02;
/** It is widened by so many standard errors of the window's mean, as its own answers show them. */
const toleranceErrors = 1.5;
/**
 * Answers within this are no queue that anybody would notice: two event loops and a scheduler work in rounds of that size, and
 * how many requests a round brings is not the upstream's doing. An upstream that took 0.1 ms was held to 6 in flight, and half of
 * the market data refused, while it was idle for four fifths of the time.
 */
const quickUs = 1000;
/** The share of a window in the base when nobody waited, and when it may be that a queue begins. */
const followStep = 0.1;
const doubtStep = 0.03;
/** How fast the most in flight when nobody waited is forgotten, per window. */
const soundMemory = 0.95;
/** So many limited windows in a row may cut the limit to that. */
const quickFalls = 2;
const outlierFactor = 8;
const ditherEvery = 5;
const ditherRatio = 0.75;
const fallRatio = 0.8;
const fallSurely = 0.82;
/** Answers that got faster by less than this share of the limit's fall did not get faster. */
const strictness = 0.2;
const baseStep = 0.3;
/** So many rises in a row are careful ones. An upstream that is near its limit does not let so many pass. */
const carefulRises = 4;
const riseRatioMax = 0.25;

export class WeirAdmission implements Admission {
  readonly usesQueue = true;
  private readonly min: number;
  private readonly max: number;
  private readonly initial: number;
  private current: number;
  private baseUs = 0;
  private sumUs = 0;
  private sumSquares = 0;
  private samples = 0;
  private drops = 0;
  private peak = 0;
  private hadWaiting = false;
  private endsUs: number;
  private limitedWindows = 0;
  /** The most in flight when nobody waited and answers took what they usually do; 0 while there was no such window. */
  private sound = 0;
  /** Rises in a row. */
  private rises = 0;
  private isDithering = false;
  /** Answers and limit of the window before, if requests waited in it; 0 otherwise. */
  private beforeUs = 0;
  private beforeLimit = 0;

  constructor(settings: AdmissionSettings, nowUs: number) {
    this.min = settings.min;
    this.max = settings.max;
    this.initial = settings.initial;
    this.current = settings.initial;
    this.endsUs = nowUs + windowUsMin;
  }

  get limit(): number {
    return this.isDithering ? Math.max(this.min, this.current * ditherRatio) : this.current;
  }

  /** What an answer takes when nothing queues in the upstream, as far as is known; 0 before the first window. */
  get baseServiceUs(): number {
    return this.baseUs;
  }

  admits(): boolean {
    return true;
  }

  dropsWaiting(): boolean {
    return false;
  }

  record(_nowUs: number, serviceUs: number, _totalUs: number, isDrop: boolean): void {
    if (isDrop) {
      this.drops += 1;
      return;
    }
    const cap = this.baseUs * outlierFactor;
    const us = cap > 0 && serviceUs > cap ? cap : serviceUs;
    this.sumUs += us;
    this.sumSquares += us * us;
    this.samples += 1;
  }

  tick(nowUs: number, peakInFlight: number, waiting: number): void {
    if (peakInFlight > this.peak) this.peak = peakInFlight;
    if (waiting > 0) this.hadWaiting = true;
    if (nowUs < this.endsUs) return;
    if (this.drops > 0) this.cut();
    else if (this.samples >= samplesMin) this.learn(this.sumUs / this.samples);
    // Few answers: the window goes on, so that rare requests are judged by enough of them.
    else if (this.samples > 0 && nowUs < this.endsUs + windowUsMax) return;
    this.startWindow(nowUs);
  }

  private cut(): void {
    this.current = Math.max(this.min, this.current * 0.9);
    this.isDithering = false;
    this.beforeUs = 0;
    this.rises = 0;
  }

  private learn(answerUs: number): void {
    const limit = this.limit;
    const tolerance = toleranceLeast + toleranceErrors * this.errorOf(answerUs);
    this.isDithering = false;
    if (this.baseUs === 0) this.baseUs = answerUs;
    const surelyUs = answerUs * (1 + 0.5 / Math.sqrt(this.samples));
    if (surelyUs < this.baseUs) this.baseUs += (surelyUs - this.baseUs) * 0.3;
    if (!this.hadWaiting && this.peak < limit) {
      this.follow(answerUs, tolerance);
      this.beforeUs = 0;
      return;
    }
    if (this.beforeUs > 0 && limit <= this.beforeLimit * fallSurely) this.judge(answerUs, limit / this.beforeLimit);
    if (limit <= this.min && answerUs > this.baseUs) this.baseUs += (answerUs - this.baseUs) * baseStep;
    this.beforeUs = answerUs;
    this.beforeLimit = limit;
    this.steer(answerUs, tolerance);
  }

  /** Up to this hardly anything queues in the upstream. */
  private soundUs(tolerance: number): number {
    return Math.max(quickUs, this.baseUs * tolerance);
  }

  /** The standard error of the window's mean, over the mean. */
  private errorOf(answerUs: number): number {
    const variance = Math.max(0, this.sumSquares / this.samples - answerUs ** 2);
    return Math.sqrt(variance / this.samples) / answerUs;
  }

  /**
   * Nobody waited: what the answers take is the upstream's own pace, or other callers' load on it, unless they got slower as
   * more was in flight.
   */
  private follow(answerUs: number, tolerance: number): void {
    this.limitedWindows = 0;
    this.rises = 0;
    const isUsual = this.peak * 2 <= this.current || answerUs <= this.soundUs(tolerance);
    if (answerUs > this.baseUs) this.baseUs += (answerUs - this.baseUs) * (isUsual ? followStep : doubtStep);
    if (!isUsual) return;
    this.sound = Math.max(this.peak, this.sound * soundMemory);
    const wanted = Math.min(this.max, Math.max(this.initial, this.peak * 2));
    if (this.current < wanted) this.current = Math.min(wanted, this.current + Math.sqrt(this.current) / 2);
  }

  /** The limit has fallen to `ratio`: a queue in the upstream would have become shorter by as much. */
  private judge(answerUs: number, ratio: number): void {
    const hardlyFasterUs = this.beforeUs * (1 - (1 - ratio) * strictness);
    if (answerUs > this.baseUs && answerUs > hardlyFasterUs) this.baseUs += (answerUs - this.baseUs) * baseStep;
  }

  private steer(answerUs: number, tolerance: number): void {
    const gradient = this.soundUs(tolerance) / answerUs;
    if (gradient >= 1) {
      this.rises += 1;
      const rise = (Math.sqrt(this.current) / 4) * 2 ** Math.max(0, this.rises - carefulRises);
      this.current = Math.min(this.max, this.current + Math.min(rise, this.current * riseRatioMax));
    } else {
      this.rises = 0;
      const isQuick = this.sound > 0 && this.limitedWindows < quickFalls;
      const least = isQuick ? Math.min(fallRatio, this.sound / this.current) : fallRatio;
      this.current = Math.max(this.min, this.current * Math.max(least, gradient));
    }
    this.limitedWindows += 1;
    this.isDithering = this.limitedWindows % ditherEvery === 0;
  }

  private startWindow(nowUs: number): void {
    const answerUs = this.samples > 0 ? this.sumUs / this.samples : this.baseUs;
    const lengthUs = Math.max(windowUsMin, Math.min(windowUsMax, answerUs * 3));
    this.endsUs = nowUs + lengthUs;
    this.sumUs = 0;
    this.sumSquares = 0;
    this.samples = 0;
    this.drops = 0;
    this.peak = 0;
    this.hadWaiting = false;
  }
}
