/** @hot
 * Whether a failed attempt may be repeated: one pure function, and the budget that keeps retries from becoming the load.
 *
 * A retry is allowed only if it cannot execute anything twice: nothing of the request was sent, or its method is
 * idempotent (RFC 9110, 9.2.2), or the route declares that its upstream honours `Idempotency-Key` and the request has one.
 * Everything else is a reason of its own, so that metrics say why a request was not repeated.
 */

/** What `decideRetry` answers: `retry`, or the first reason against it. */
export const RetryVerdict = {
  retry: 0,
  notRetryable: 1,
  answerBegun: 2,
  bodyGone: 3,
  notRepeatable: 4,
  attemptsUsed: 5,
  deadlineTooNear: 6,
  breakerOpen: 7,
  budgetSpent: 8,
} as const;
export const retryVerdictNames = [
  "retry",
  "not-retryable",
  "answer-begun",
  "body-gone",
  "not-repeatable",
  "attempts-used",
  "deadline-too-near",
  "breaker-open",
  "budget-spent",
] as const;

/** The circumstances of a failed attempt; one record per worker is filled in again for each decision. */
export interface RetryCase {
  /** The failure is one that another attempt may cure: a connection that broke, a timeout, a status the route lists. */
  isRetryable: boolean;
  /** Not a byte of this attempt reached the upstream's socket. */
  isUnsent: boolean;
  isMethodIdempotent: boolean;
  /** The route declares that its upstream honours keys, and the request carries one. */
  isKeyHonoured: boolean;
  /** Part of an answer has gone to the client. */
  hasAnswerBegun: boolean;
  /** The request's body is still held, or it has none. */
  isBodyHeld: boolean;
  /** Attempts made so far, 1 or more. */
  attempts: number;
  attemptsMax: number;
  /** Milliseconds until the request's deadline. */
  leftMs: number;
  /** How long the retry would wait before it is sent. */
  backoffMs: number;
  isBreakerClosed: boolean;
  hasBudget: boolean;
}

/** Decides by the circumstances alone; the order of the reasons is the order of the table in docs/resilience.md. */
export function decideRetry(it: RetryCase): number {
  if (!it.isRetryable) return RetryVerdict.notRetryable;
  if (it.hasAnswerBegun) return RetryVerdict.answerBegun;
  if (!it.isBodyHeld) return RetryVerdict.bodyGone;
  if (!it.isUnsent && !it.isMethodIdempotent && !it.isKeyHonoured) return RetryVerdict.notRepeatable;
  if (it.attempts >= it.attemptsMax) return RetryVerdict.attemptsUsed;
  if (it.leftMs <= it.backoffMs) return RetryVerdict.deadlineTooNear;
  if (!it.isBreakerClosed) return RetryVerdict.breakerOpen;
  if (!it.hasBudget) return RetryVerdict.budgetSpent;
  return RetryVerdict.retry;
}

/** Exponential backoff with full jitter (Brooker 2015): `unit` in [0, 1) is the chance drawn by the caller. */
export function backoffMs(attempts: number, baseMs: number, maxMs: number, unit: number): number {
  return Math.min(maxMs, baseMs * 2 ** (attempts - 1)) * unit;
}

const unitsPerRetry = 1000;

/**
 * Retries as a share of requests, with a trickle that lets rare requests be retried at all. Per worker: a share of each is
 * a share of all. After a quiet time at most ten seconds' worth is saved up.
 */
export class RetryBudget {
  private readonly unitsPerRequest: number;
  private readonly unitsPerMs: number;
  private readonly unitsMax: number;
  private units: number;
  private filledMs: number;

  /** @param ratio retries per request, 0 to 1; @param perSecond retries per second that are always allowed */
  constructor(ratio: number, perSecond: number, nowMs: number) {
    this.unitsPerRequest = Math.round(ratio * unitsPerRetry);
    this.unitsPerMs = (perSecond * unitsPerRetry) / 1000;
    this.unitsMax = Math.max(1, perSecond, ratio * 100) * 10 * unitsPerRetry;
    this.units = perSecond * unitsPerRetry;
    this.filledMs = nowMs;
  }

  /** Every request earns its share of a retry. */
  countRequest(): void {
    const units = this.units + this.unitsPerRequest;
    this.units = units < this.unitsMax ? units : this.unitsMax;
  }

  hasOne(nowMs: number): boolean {
    this.units = Math.min(this.unitsMax, this.units + (nowMs - this.filledMs) * this.unitsPerMs);
    this.filledMs = nowMs;
    return this.units >= unitsPerRetry;
  }

  /** Spends one retry, after `hasOne` and `decideRetry` said yes. */
  spend(): void {
    this.units -= unitsPerRetry;
  }
}
