/**
 * The health of an upstream's endpoints: when each is checked next, what its answers and its live traffic say about it,
 * and how much traffic it should get. Sockets are the caller's; this only counts and decides.
 *
 * Active checks come at `intervalMs` with jitter, faster while an endpoint is changing its state; `fall` failures in a row
 * bring it down, `rise` successes up (hysteresis). Passive outlier ejection takes out an endpoint whose live answers fail,
 * for a time that grows with each ejection, and never so many that fewer than half of all would be usable. An endpoint that
 * comes back is given traffic slowly. Every change has a reason and a time.
 *
 * Shared cells hold what all workers must agree on; the counts behind a decision are each worker's own, apart from failures
 * in a row. One worker at a time does the checks: the lease says which.
 */
import { assert, type Random } from "../base/mod.ts";

export const EndpointState = { up: 0, down: 1, ejected: 2 } as const;
export const endpointStateNames = ["up", "down", "ejected"] as const;

export const HealthReason = {
  none: 0,
  checkFailed: 1,
  checkTimeout: 2,
  checkStatus: 3,
  checksPassed: 4,
  failuresInRow: 5,
  failureRatio: 6,
  ejectionOver: 7,
} as const;
export const healthReasonNames = [
  "none",
  "check-failed",
  "check-timeout",
  "check-status",
  "checks-passed",
  "failures-in-row",
  "failure-ratio",
  "ejection-over",
] as const;

export interface HealthSettings {
  /** 0 for no active checks. */
  readonly intervalMs: number;
  /** Interval while an endpoint's results do not yet agree with its state. */
  readonly fastIntervalMs: number;
  readonly jitterRatio: number;
  readonly rise: number;
  readonly fall: number;
  /** Live failures in a row that eject; 0 never ejects. */
  readonly failuresInRow: number;
  /** Failed share of at least `callsMin` live calls in `windowMs` that ejects; 0 never does. */
  readonly failureRatio: number;
  readonly callsMin: number;
  readonly windowMs: number;
  readonly ejectionMs: number;
  readonly ejectionMsMax: number;
  /** An endpoint that comes back gets a tenth of its traffic at first, all of it after this. */
  readonly slowStartMs: number;
}

export const healthDefaults: HealthSettings = {
  intervalMs: 1_000,
  fastIntervalMs: 250,
  jitterRatio: 0.1,
  rise: 2,
  fall: 3,
  failuresInRow: 5,
  failureRatio: 0.85,
  callsMin: 20,
  windowMs: 10_000,
  ejectionMs: 10_000,
  ejectionMsMax: 300_000,
  slowStartMs: 10_000,
};

export interface EndpointSnapshot {
  readonly state: (typeof endpointStateNames)[number];
  readonly reason: (typeof healthReasonNames)[number];
  readonly forMs: number;
  readonly weight: number;
  readonly ejections: number;
}

const Cell = { state: 0, since: 1, reason: 2, until: 3, inRow: 4, ejections: 5, checksInRow: 6, size: 8 } as const;
/** Cells of the lease, and of each endpoint. */
export const healthLeaseCells = 2;
export const endpointHealthCells: number = Cell.size;

export class UpstreamHealth {
  readonly settings: HealthSettings;
  private readonly cells: Int32Array;
  private readonly leaseAt: number;
  private readonly random: Random;
  private places: readonly number[] = [];
  private nextCheckMs: Float64Array = new Float64Array(0);
  private calls: Uint32Array = new Uint32Array(0);
  private failures: Uint32Array = new Uint32Array(0);
  private windowEndsMs = 0;

  /** @param leaseAt of `healthLeaseCells` cells */
  constructor(settings: HealthSettings, cells: Int32Array, leaseAt: number, random: Random) {
    this.settings = settings;
    this.cells = cells;
    this.leaseAt = leaseAt;
    this.random = random;
  }

  /** The endpoints from now on: where the `endpointHealthCells` cells of each are. */
  setEndpoints(places: readonly number[]): void {
    for (const at of places) assert(at + Cell.size <= this.cells.length, "health cells lie within the segment");
    this.places = places;
    this.nextCheckMs = new Float64Array(places.length).fill(-1);
    this.calls = new Uint32Array(places.length);
    this.failures = new Uint32Array(places.length);
  }

  get endpointsCount(): number {
    return this.places.length;
  }

  /** Whether the endpoint may be given traffic. An ejection whose time is over ends here. */
  isUsable(index: number, nowMs: number): boolean {
    const at = this.cellOf(index);
    const state = Atomics.load(this.cells, at);
    if (state === EndpointState.up) return true;
    if (state !== EndpointState.ejected || since(this.cells, at + Cell.until, nowMs) < 0) return false;
    this.change(index, EndpointState.ejected, EndpointState.up, HealthReason.ejectionOver, nowMs);
    return true;
  }

  /** The share of its normal traffic that the endpoint should get, 0 to 1: slow start counts, usability as well. */
  weight(index: number, nowMs: number): number {
    if (!this.isUsable(index, nowMs)) return 0;
    const at = this.cellOf(index);
    const { slowStartMs } = this.settings;
    if (slowStartMs === 0 || Atomics.load(this.cells, at + Cell.reason) === HealthReason.none) return 1;
    const upMs = since(this.cells, at + Cell.since, nowMs);
    return upMs < 0 || upMs >= slowStartMs ? 1 : 0.1 + (0.9 * upMs) / slowStartMs;
  }

  /** Whether checks have brought every endpoint down. */
  isAllDown(): boolean {
    for (let index = 0; index < this.places.length; index++) {
      if (Atomics.load(this.cells, this.cellOf(index)) !== EndpointState.down) return false;
    }
    return this.places.length > 0;
  }

  usableCount(nowMs: number): number {
    let count = 0;
    for (let index = 0; index < this.endpointsCount; index++) if (this.isUsable(index, nowMs)) count += 1;
    return count;
  }

  /** Reports how a live call on the endpoint ended; may eject it. */
  recordCall(index: number, isFailure: boolean, nowMs: number): void {
    if (nowMs >= this.windowEndsMs) this.startWindow(nowMs);
    this.calls[index] = this.calls[index]! + 1;
    const at = this.cellOf(index);
    if (!isFailure) {
      if (Atomics.load(this.cells, at + Cell.inRow) !== 0) Atomics.store(this.cells, at + Cell.inRow, 0);
      return;
    }
    this.failures[index] = this.failures[index]! + 1;
    const { failuresInRow, failureRatio, callsMin } = this.settings;
    const inRow = Atomics.add(this.cells, at + Cell.inRow, 1) + 1;
    if (failuresInRow > 0 && inRow >= failuresInRow) {
      this.eject(index, HealthReason.failuresInRow, nowMs);
      return;
    }
    const calls = this.calls[index]!;
    const isBad = calls >= callsMin && this.failures[index]! >= calls * failureRatio;
    if (failureRatio > 0 && isBad) this.eject(index, HealthReason.failureRatio, nowMs);
  }

  /** Whether this worker does the checks: it holds or takes the lease, which lapses when its holder stops renewing it. */
  holdsLease(worker: number, nowMs: number, leaseMs: number): boolean {
    const at = this.leaseAt;
    const holder = Atomics.load(this.cells, at);
    const mine = worker + 1;
    if (holder !== mine) {
      if (holder !== 0 && since(this.cells, at + 1, nowMs) < leaseMs) return false;
      if (Atomics.compareExchange(this.cells, at, holder, mine) !== holder) return false;
    }
    Atomics.store(this.cells, at + 1, nowMs | 0);
    return true;
  }

  /** An endpoint whose check is due now, or -1. Its next one is scheduled, so checks never pile up on a slow endpoint. */
  nextDue(nowMs: number): number {
    if (this.settings.intervalMs === 0) return -1;
    for (let index = 0; index < this.endpointsCount; index++) {
      const dueMs = this.nextCheckMs[index]!;
      if (dueMs < 0) {
        // The first checks are spread over one interval.
        this.nextCheckMs[index] = nowMs + this.settings.intervalMs * this.random.unit();
      } else if (dueMs <= nowMs) {
        this.nextCheckMs[index] = Number.POSITIVE_INFINITY;
        return index;
      }
    }
    return -1;
  }

  /** The result of a check: `HealthReason.none` when it passed, else why it failed. Whether the endpoint came up by it. */
  recordCheck(index: number, failure: number, nowMs: number): boolean {
    const at = this.cellOf(index);
    const state = Atomics.load(this.cells, at);
    const isPassed = failure === HealthReason.none;
    const agrees = isPassed === (state !== EndpointState.down);
    const { intervalMs, fastIntervalMs, jitterRatio, rise, fall } = this.settings;
    const jitter = 1 + jitterRatio * (2 * this.random.unit() - 1);
    this.nextCheckMs[index] = nowMs + (agrees ? intervalMs : Math.min(intervalMs, fastIntervalMs)) * jitter;
    if (agrees) {
      Atomics.store(this.cells, at + Cell.checksInRow, 0);
      return false;
    }
    const inRow = Atomics.add(this.cells, at + Cell.checksInRow, 1) + 1;
    if (inRow < (isPassed ? rise : fall)) return false;
    const next = isPassed ? EndpointState.up : EndpointState.down;
    const isChanged = this.change(index, state, next, isPassed ? HealthReason.checksPassed : failure, nowMs);
    return isChanged && isPassed;
  }

  snapshot(index: number, nowMs: number): EndpointSnapshot {
    const at = this.cellOf(index);
    const isUsable = this.isUsable(index, nowMs);
    const state = Atomics.load(this.cells, at);
    const reason = Atomics.load(this.cells, at + Cell.reason);
    return {
      state: isUsable ? "up" : (endpointStateNames[state] ?? "down"),
      reason: healthReasonNames[reason] ?? "none",
      forMs: reason === HealthReason.none ? 0 : Math.max(0, since(this.cells, at + Cell.since, nowMs)),
      weight: this.weight(index, nowMs),
      ejections: Atomics.load(this.cells, at + Cell.ejections),
    };
  }

  /** Takes the endpoint out unless that would leave fewer than half of all usable. */
  private eject(index: number, reason: number, nowMs: number): void {
    const at = this.cellOf(index);
    if (Atomics.load(this.cells, at) !== EndpointState.up) return;
    if ((this.usableCount(nowMs) - 1) * 2 < this.endpointsCount) return;
    const { ejectionMs, ejectionMsMax } = this.settings;
    const before = Math.min(10, Atomics.load(this.cells, at + Cell.ejections));
    Atomics.store(this.cells, at + Cell.until, (nowMs + Math.min(ejectionMsMax, ejectionMs * (before + 1))) | 0);
    if (this.change(index, EndpointState.up, EndpointState.ejected, reason, nowMs)) {
      Atomics.add(this.cells, at + Cell.ejections, 1);
    }
  }

  private change(index: number, from: number, to: number, reason: number, nowMs: number): boolean {
    const at = this.cellOf(index);
    if (Atomics.compareExchange(this.cells, at, from, to) !== from) return false;
    Atomics.store(this.cells, at + Cell.since, nowMs | 0);
    Atomics.store(this.cells, at + Cell.reason, reason);
    Atomics.store(this.cells, at + Cell.inRow, 0);
    Atomics.store(this.cells, at + Cell.checksInRow, 0);
    this.calls[index] = 0;
    this.failures[index] = 0;
    return true;
  }

  private startWindow(nowMs: number): void {
    this.windowEndsMs = nowMs + this.settings.windowMs;
    this.calls.fill(0);
    this.failures.fill(0);
  }

  private cellOf(index: number): number {
    return this.places[index]!;
  }
}

function since(cells: Int32Array, at: number, nowMs: number): number {
  return ((nowMs | 0) - Atomics.load(cells, at)) | 0;
}
