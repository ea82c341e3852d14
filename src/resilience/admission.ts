/**
 * Adaptive admission: how many requests may be at an upstream at once, learned from how long they take. One interface,
 * five policies, chosen by configuration; `docs/resilience.md` has the table that compares them under the same arrivals.
 *
 *     article    the token bucket of the article that Weir implements, its rule as written: the baseline
 *     aimd       additive increase, multiplicative decrease of the number in flight
 *     gradient2  Netflix concurrency-limits, Gradient2
 *     codel      a fixed number in flight and CoDel (RFC 8289) on the queue in front of it
 *     weir       our own (admission-weir.ts)
 *
 * A policy belongs to one worker and one upstream. Time is in microseconds throughout: whole milliseconds would be blind
 * to services that answer within one.
 */
import { AimdAdmission } from "./admission-aimd.ts";
import { ArticleAdmission } from "./admission-article.ts";
import { CodelAdmission } from "./admission-codel.ts";
import { FixedAdmission } from "./admission-fixed.ts";
import { Gradient2Admission } from "./admission-gradient2.ts";
import { WeirAdmission } from "./admission-weir.ts";

export const admissionNames = ["weir", "gradient2", "aimd", "codel", "article", "fixed"] as const;
export type AdmissionName = (typeof admissionNames)[number];

export interface Admission {
  /** Requests that may be in flight now. */
  readonly limit: number;
  /** Whether requests above the limit wait in the lanes (true) or are refused at once. */
  readonly usesQueue: boolean;
  /** Whether an arriving request is let in at all, before the limit is looked at. */
  admits(nowUs: number): boolean;
  /** Whether a request that waited this long and has come to the head of its queue is refused instead of started. */
  dropsWaiting(nowUs: number, waitedUs: number): boolean;
  /**
   * A request has ended. `serviceUs` from its start at the upstream, `totalUs` from its arrival; `isDrop` when it timed out,
   * could not connect, or the upstream said that it was overloaded.
   */
  record(nowUs: number, serviceUs: number, totalUs: number, isDrop: boolean): void;
  /** Call it every 10 to 100 ms. `peakInFlight` is the most since the last call. */
  tick(nowUs: number, peakInFlight: number, waiting: number): void;
}

export interface AdmissionSettings {
  readonly policy: AdmissionName;
  /** Requests in flight at the start, for `fixed` and `codel` always. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** The latency that `article` and `aimd` steer by: the P95 that must not be exceeded. */
  readonly targetMs: number;
  /** Requests per second at which `article` begins. */
  readonly articleRate: number;
}

export const admissionDefaults: AdmissionSettings = {
  policy: "weir",
  initial: 20,
  min: 4,
  max: 1_000,
  targetMs: 15,
  articleRate: 10_000,
};

export function makeAdmission(settings: AdmissionSettings, nowUs: number): Admission {
  switch (settings.policy) {
    case "article":
      return new ArticleAdmission(settings, nowUs);
    case "aimd":
      return new AimdAdmission(settings);
    case "gradient2":
      return new Gradient2Admission(settings);
    case "codel":
      return new CodelAdmission(settings);
    case "fixed":
      return new FixedAdmission(settings);
    case "weir":
      return new WeirAdmission(settings, nowUs);
  }
}
