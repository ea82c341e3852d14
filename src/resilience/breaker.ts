/** @hot
 * A circuit breaker for one upstream (or one route to it), common to all workers through shared cells.
 *
 *              bad share of the window, or connect failures in a row
 *     closed ---------------------------------------------------------> open
 *        ^                                                              |  after base * 2^openings, jittered,
 *        |  four steps without a bad share                              v  or a health check that succeeds
 *     ramping <-------------------------------------------------- half-open
 *     10, 25, 50, 100 %      enough probes answered well                |
 *        |                                                              |  too many probes bad, or unanswered
 *        +--------------------------> open, one opening more <----------+
 *
 * A call asks `acquire` before it is sent and gets a permit, or `breakerRefused` at once: nobody waits for a probe. It
 * hands the permit back to `release` with its result; results of an earlier state are ignored, so a slow failure from
 * before cannot undo a recovery. The state, its step, the count of openings and a generation share one cell that changes
 * by compare-and-swap, so each transition happens once, whichever worker sees its reason first. Counts are plain atomic
 * adds; one that falls into the instant a ring bucket or step is reset may be lost.
 *
 * Time is machine milliseconds, monotonic: a wall-clock step changes nothing. The share of slow calls counts besides
 * failures. A probe whose worker was killed never answers: unanswered probes reopen the breaker after `probeTimeoutMs`.
 */
import { assert, type Random } from "../base/mod.ts";
import {
  BreakerCause,
  type BreakerSettings,
  type BreakerSnapshot,
  BreakerState,
  breakerCauseNames,
  breakerRefused,
  breakerStateNames,
  CallResult,
} from "./breaker-settings.ts";

const buckets = 10;
/** Int32 cells that one breaker needs. */
export const breakerCells = 64;
const Cell = {
  state: 0,
  since: 1,
  until: 2,
  cause: 3,
  connectFailures: 4,
  probesInFlight: 5,
  probesSucceeded: 6,
  probesFailed: 7,
  stepSeen: 8,
  stepTotal: 9,
  stepFailed: 10,
  stepSlow: 11,
  openingsTotal: 12,
  ring: 16,
} as const;
const Slot = { tick: 0, total: 1, failed: 2, slow: 3, size: 4 } as const;

const rampPercents = [10, 25, 50, 100];
const stepCallsMin = 3;
const openingsMax = 15;

// The state cell: state in bits 0-1, ramp step in 2-3, openings in 4-7, generation above (it wraps; the cell stays >= 0).
const stateOf = (word: number): number => word & 3;
const stepOf = (word: number): number => (word >> 2) & 3;
const openingsOf = (word: number): number => (word >> 4) & 15;

export class Breaker {
  private readonly cells: Int32Array;
  private readonly at: number;
  private readonly settings: BreakerSettings;
  private readonly random: Random;
  private readonly bucketMs: number;
  /** The bucket of the last call: until when it is the one, its cells, and what marks them as its own. */
  private bucketEndMs = Number.NEGATIVE_INFINITY;
  private slot = 0;
  private mark = 0;

  /** @param cells `cells[at]` on must have `breakerCells` cells, zero at first */
  constructor(settings: BreakerSettings, cells: Int32Array, at: number, random: Random) {
    assert(at + breakerCells <= cells.length, "a breaker's cells lie within the segment");
    this.settings = settings;
    this.cells = cells;
    this.at = at;
    this.random = random;
    this.bucketMs = settings.windowMs / buckets;
  }

  /** One of `BreakerState`, as it was last moved. */
  get state(): number {
    return stateOf(Atomics.load(this.cells, this.at));
  }

  /** A permit (0 or more) to hand to `release`, or `breakerRefused`. */
  acquire(nowMs: number): number {
    const word = Atomics.load(this.cells, this.at);
    if (stateOf(word) === BreakerState.closed) return word;
    return this.acquireGuarded(word, nowMs);
  }

  /** Reports how a permitted call ended. `isSlow` counts against the slow share when it succeeded. */
  release(permit: number, result: number, isSlow: boolean, nowMs: number): void {
    const word = Atomics.load(this.cells, this.at);
    if (permit !== word) return;
    const state = stateOf(word);
    if (state === BreakerState.closed) this.recordClosed(word, result, isSlow, nowMs);
    else if (state === BreakerState.halfOpen) this.recordProbe(word, result, nowMs);
    else if (state === BreakerState.ramping) this.recordRamp(word, result, isSlow, nowMs);
  }

  /** A peer's breaker has opened: open too. A peer's word never closes a breaker. */
  openByPeer(nowMs: number): void {
    const word = Atomics.load(this.cells, this.at);
    if (stateOf(word) === BreakerState.closed) this.open(word, BreakerCause.peer, nowMs);
  }

  /** An active health check has succeeded: an open breaker begins to probe now instead of when its time is over. */
  probeNow(nowMs: number): void {
    const word = Atomics.load(this.cells, this.at);
    if (stateOf(word) === BreakerState.open) this.halfOpen(word, BreakerCause.healthCheck, nowMs);
  }

  /** Milliseconds until a refused call is worth repeating, for `Retry-After`; at least one ramp step. */
  waitMs(nowMs: number): number {
    const word = Atomics.load(this.cells, this.at);
    const least = this.settings.rampStepMs;
    if (stateOf(word) !== BreakerState.open) return least;
    return Math.max(least, (Atomics.load(this.cells, this.at + Cell.until) - nowMs) | 0);
  }

  snapshot(nowMs: number): BreakerSnapshot {
    const word = Atomics.load(this.cells, this.at);
    const state = stateOf(word);
    const [calls, failed, slow] = [Slot.total, Slot.failed, Slot.slow].map((field) => this.windowSum(field, nowMs));
    const left = (Atomics.load(this.cells, this.at + Cell.until) - nowMs) | 0;
    const percents = [100, 0, 0, rampPercents[stepOf(word)]!];
    return {
      state: breakerStateNames[state as 0 | 1 | 2 | 3],
      cause: breakerCauseNames[Atomics.load(this.cells, this.at + Cell.cause)] ?? "none",
      forMs: word === 0 ? 0 : Math.max(0, (nowMs - Atomics.load(this.cells, this.at + Cell.since)) | 0),
      leftMs: state === BreakerState.open ? Math.max(0, left) : 0,
      admittedPercent: percents[state]!,
      openingsTotal: Atomics.load(this.cells, this.at + Cell.openingsTotal),
      calls: calls!,
      failed: failed!,
      slow: slow!,
    };
  }

  private acquireGuarded(first: number, nowMs: number): number {
    let word = first;
    // Each turn that does not decide has moved the state on; a bound makes a livelock an outcome.
    for (let turn = 0; turn < 8; turn++) {
      const state = stateOf(word);
      if (state === BreakerState.closed) return word;
      if (state === BreakerState.open) {
        if (this.sinceMs(Cell.until, nowMs) < 0) return breakerRefused;
        this.halfOpen(word, BreakerCause.openTimeOver, nowMs);
      } else if (state === BreakerState.halfOpen) {
        if (this.sinceMs(Cell.since, nowMs) < this.settings.probeTimeoutMs) return this.acquireProbe(word);
        this.open(word, BreakerCause.probesUnanswered, nowMs);
      } else {
        if (this.sinceMs(Cell.since, nowMs) < this.settings.rampStepMs) return this.acquireRamp(word);
        this.endStep(word, nowMs);
      }
      word = Atomics.load(this.cells, this.at);
    }
    return breakerRefused;
  }

  private acquireProbe(word: number): number {
    const at = this.at + Cell.probesInFlight;
    const answered =
      Atomics.load(this.cells, this.at + Cell.probesSucceeded) + Atomics.load(this.cells, this.at + Cell.probesFailed);
    if (Atomics.add(this.cells, at, 1) + answered < this.settings.probes) return word;
    Atomics.sub(this.cells, at, 1);
    return breakerRefused;
  }

  /** Admits the step's percentage, evenly spread, the first call among them. */
  private acquireRamp(word: number): number {
    const percent = rampPercents[stepOf(word)]!;
    const seen = Atomics.add(this.cells, this.at + Cell.stepSeen, 1) % 100;
    const admitted = Math.ceil(((seen + 1) * percent) / 100) > Math.ceil((seen * percent) / 100);
    return admitted ? word : breakerRefused;
  }

  private recordClosed(word: number, result: number, isSlow: boolean, nowMs: number): void {
    if (result === CallResult.ignored) return;
    const { cells } = this;
    const slot = this.slotOf(nowMs);
    Atomics.add(cells, slot + Slot.total, 1);
    if (result === CallResult.succeeded) {
      const failuresAt = this.at + Cell.connectFailures;
      if (Atomics.load(cells, failuresAt) !== 0) Atomics.store(cells, failuresAt, 0);
      if (!isSlow) return;
      Atomics.add(cells, slot + Slot.slow, 1);
      const calls = this.windowSum(Slot.total, nowMs);
      if (calls < this.settings.callsMin) return;
      const isBad = this.windowSum(Slot.slow, nowMs) >= calls * this.settings.slowRatio;
      if (isBad) this.open(word, BreakerCause.slowCalls, nowMs);
      return;
    }
    Atomics.add(cells, slot + Slot.failed, 1);
    if (this.connectFailedTooOften(result)) {
      this.open(word, BreakerCause.connectFailures, nowMs);
      return;
    }
    const calls = this.windowSum(Slot.total, nowMs);
    if (calls < this.settings.callsMin) return;
    const isBad = this.windowSum(Slot.failed, nowMs) >= calls * this.settings.failureRatio;
    if (isBad) this.open(word, BreakerCause.failures, nowMs);
  }

  private connectFailedTooOften(result: number): boolean {
    const at = this.at + Cell.connectFailures;
    if (result !== CallResult.connectFailed) return false;
    return Atomics.add(this.cells, at, 1) + 1 >= this.settings.connectFailures;
  }

  private recordProbe(word: number, result: number, nowMs: number): void {
    const { cells, at, settings } = this;
    if (result === CallResult.ignored) {
      Atomics.sub(cells, at + Cell.probesInFlight, 1);
      return;
    }
    const isGood = result === CallResult.succeeded;
    const field = isGood ? Cell.probesSucceeded : Cell.probesFailed;
    const count = Atomics.add(cells, at + field, 1) + 1;
    Atomics.sub(cells, at + Cell.probesInFlight, 1);
    // Decided as soon as the rest could not change it.
    if (!isGood && count >= settings.probes * settings.failureRatio) {
      this.open(word, BreakerCause.probesFailed, nowMs);
    } else if (isGood && count > settings.probes * (1 - settings.failureRatio)) {
      this.ramp(word, 0, BreakerCause.probesSucceeded, nowMs);
    }
  }

  private recordRamp(word: number, result: number, isSlow: boolean, nowMs: number): void {
    if (result === CallResult.ignored) return;
    const { cells, at, settings } = this;
    const total = Atomics.add(cells, at + Cell.stepTotal, 1) + 1;
    if (result === CallResult.succeeded) {
      Atomics.store(cells, at + Cell.connectFailures, 0);
      if (!isSlow) return;
      const slow = Atomics.add(cells, at + Cell.stepSlow, 1) + 1;
      if (total >= stepCallsMin && slow >= total * settings.slowRatio) this.open(word, BreakerCause.slowCalls, nowMs);
      return;
    }
    const failed = Atomics.add(cells, at + Cell.stepFailed, 1) + 1;
    if (this.connectFailedTooOften(result)) this.open(word, BreakerCause.connectFailures, nowMs);
    else if (total >= stepCallsMin && failed >= total * settings.failureRatio) {
      this.open(word, BreakerCause.failures, nowMs);
    }
  }

  private endStep(word: number, nowMs: number): void {
    const step = stepOf(word);
    if (step < rampPercents.length - 1) this.ramp(word, step + 1, BreakerCause.stepPassed, nowMs);
    else this.change(word, BreakerState.closed, 0, 0, BreakerCause.recovered, nowMs);
  }

  private open(word: number, cause: number, nowMs: number): void {
    const { settings } = this;
    const wasClosed = stateOf(word) === BreakerState.closed;
    const openings = wasClosed ? 0 : Math.min(openingsMax, openingsOf(word) + 1);
    const length = Math.min(settings.openMsMax, settings.openMs * 2 ** openings);
    const jitter = 1 + settings.jitterRatio * (2 * this.random.unit() - 1);
    Atomics.store(this.cells, this.at + Cell.until, (nowMs + length * jitter) | 0);
    if (!this.change(word, BreakerState.open, 0, openings, cause, nowMs)) return;
    Atomics.add(this.cells, this.at + Cell.openingsTotal, 1);
  }

  private halfOpen(word: number, cause: number, nowMs: number): void {
    this.change(word, BreakerState.halfOpen, 0, openingsOf(word), cause, nowMs);
  }

  private ramp(word: number, step: number, cause: number, nowMs: number): void {
    this.change(word, BreakerState.ramping, step, openingsOf(word), cause, nowMs);
  }

  /** Moves on from `word` unless another worker already did; whoever does empties the counts of the state it enters. */
  private change(word: number, state: number, step: number, openings: number, cause: number, nowMs: number): boolean {
    const { cells, at } = this;
    const generation = (((word >>> 8) + 1) & 0x7fffff) << 8;
    const next = generation | (openings << 4) | (step << 2) | state;
    if (Atomics.load(cells, at) !== word) return false;
    Atomics.store(cells, at + Cell.since, nowMs | 0);
    Atomics.store(cells, at + Cell.cause, cause);
    if (Atomics.compareExchange(cells, at, word, next) !== word) return false;
    // While it is open nothing probes, so that is when the probes of the next half-open state are counted from zero.
    if (state === BreakerState.open) clear(cells, at + Cell.connectFailures, at + Cell.stepSeen);
    if (state === BreakerState.ramping) clear(cells, at + Cell.stepSeen, at + Cell.openingsTotal);
    if (state === BreakerState.closed) clear(cells, at + Cell.ring, at + Cell.ring + buckets * Slot.size);
    return true;
  }

  /** Signed milliseconds from a stored moment to now, exact over 24 days either way. */
  private sinceMs(field: number, nowMs: number): number {
    return ((nowMs | 0) - Atomics.load(this.cells, this.at + field)) | 0;
  }

  /** The bucket of now, emptied when it still held a former turn of the ring. */
  private slotOf(nowMs: number): number {
    const { cells } = this;
    if (nowMs >= this.bucketEndMs || nowMs < this.bucketEndMs - this.bucketMs) this.seekBucket(nowMs);
    const { slot, mark } = this;
    const held = Atomics.load(cells, slot + Slot.tick);
    if (held !== mark && Atomics.compareExchange(cells, slot + Slot.tick, held, mark) === held) {
      Atomics.store(cells, slot + Slot.total, 0);
      Atomics.store(cells, slot + Slot.failed, 0);
      Atomics.store(cells, slot + Slot.slow, 0);
    }
    return slot;
  }

  private seekBucket(nowMs: number): void {
    const tick = Math.floor(nowMs / this.bucketMs);
    this.bucketEndMs = (tick + 1) * this.bucketMs;
    this.slot = this.at + Cell.ring + (tick % buckets) * Slot.size;
    this.mark = (tick | 0) + 1 || 1;
  }

  private windowSum(field: number, nowMs: number): number {
    const { cells } = this;
    const tick = Math.floor(nowMs / this.bucketMs);
    let sum = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      const slot = this.at + Cell.ring + bucket * Slot.size;
      const mark = Atomics.load(cells, slot + Slot.tick);
      if (mark === 0) continue;
      const age = (tick + 1 - mark) | 0;
      if (age >= 0 && age < buckets) sum += Atomics.load(cells, slot + field);
    }
    return sum;
  }
}

function clear(cells: Int32Array, from: number, to: number): void {
  for (let cell = from; cell < to; cell++) Atomics.store(cells, cell, 0);
}
