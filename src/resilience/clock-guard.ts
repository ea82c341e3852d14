/**
 * What time it is, and how sure that is. The monotonic clock carries the time from one measurement to the next, so a step
 * of the wall clock changes nothing but the report: `trustedMs` goes on as before.
 *
 *     time = monotonic + anchor
 *     each source gives anchors with a bound: middle of its answer - middle of ours, +- half the round trip and its own error
 *     best sample of ten per source; over the sources what a majority of them allows (Marzullo 1984, RFC 5905 11.2.1)
 *
 * Without sources the anchor is what the wall clock said at the start, following it while it moves smoothly (as NTP slews
 * it) and not when it steps. Which of the two was right nobody can tell then: it is reported, and a restart believes the
 * wall clock again.
 */

/** A step is a change of the wall clock against the monotonic one of more than this between two looks, milliseconds. */
export const clockStepMs = 50;
/** The monotonic clock itself may be wrong by this much of the time passed: 200 parts in a million. */
const driftRatio = 200e-6;
const samplesPerSource = 10;

export const clockStates = ["ok", "warn", "fence"] as const;
export type ClockState = (typeof clockStates)[number];

export interface ClockGuardSettings {
  readonly sourcesCount: number;
  readonly warnMs: number;
  readonly fenceMs: number;
}

export interface ClockReport {
  readonly state: ClockState;
  /** Wall clock minus trusted time. */
  readonly offsetMs: number;
  /** How far trusted time may be from the truth; Infinity while no source has answered. */
  readonly errorMs: number;
  /** Sources in the majority, and sources that have answered. */
  readonly agreeing: number;
  readonly answering: number;
  readonly steps: number;
  /** Size of the last step, and how long ago it was; 0 when there was none. */
  readonly lastStepMs: number;
  readonly lastStepAgoMs: number;
}

interface Sample {
  readonly anchorMs: number;
  readonly boundMs: number;
  readonly atMs: number;
}

export class ClockGuard {
  private readonly settings: ClockGuardSettings;
  private readonly samples: Sample[][];
  private anchorMs: number;
  private boundMs = Number.POSITIVE_INFINITY;
  private boundAtMs = 0;
  private agreeing = 0;
  private wallAnchorMs: number;
  private steps = 0;
  private lastStepMs = 0;
  private lastStepAtMs = 0;

  constructor(settings: ClockGuardSettings, monotonicMs: number, wallMs: number) {
    this.settings = settings;
    this.samples = Array.from({ length: settings.sourcesCount }, () => []);
    this.anchorMs = wallMs - monotonicMs;
    this.wallAnchorMs = this.anchorMs;
  }

  /** The corrected time in milliseconds since 1970. */
  trustedMs(monotonicMs: number): number {
    return monotonicMs + this.anchorMs;
  }

  /** Looks at the wall clock, about every second; returns the size of the step it has made, 0 for none. */
  look(monotonicMs: number, wallMs: number): number {
    const wallAnchorMs = wallMs - monotonicMs;
    const moved = wallAnchorMs - this.wallAnchorMs;
    this.wallAnchorMs = wallAnchorMs;
    if (Math.abs(moved) <= clockStepMs) {
      // Nobody else says what time it is: small movements of the wall clock are its corrections.
      if (this.boundMs === Number.POSITIVE_INFINITY) this.anchorMs += moved;
      return 0;
    }
    this.steps += 1;
    this.lastStepMs = moved;
    this.lastStepAtMs = monotonicMs;
    return moved;
  }

  /**
   * An answer of a source.
   * @param sentMs @param receivedMs our monotonic time when the question left and the answer came
   * @param serverMs the source's time in the middle of its own work; @param heldMs how long that took
   * @param serverErrorMs by how much the source says it may be wrong
   */
  sample(
    source: number,
    sentMs: number,
    receivedMs: number,
    serverMs: number,
    heldMs: number,
    serverErrorMs: number,
  ): void {
    const roundTripMs = Math.max(0, receivedMs - sentMs - heldMs);
    const list = this.samples[source];
    if (list === undefined) return;
    list.push({
      anchorMs: serverMs - (sentMs + receivedMs) / 2,
      boundMs: roundTripMs / 2 + serverErrorMs,
      atMs: receivedMs,
    });
    if (list.length > samplesPerSource) list.shift();
    this.combine(receivedMs);
  }

  report(monotonicMs: number): ClockReport {
    const offsetMs = this.wallAnchorMs - this.anchorMs;
    const errorMs = this.errorMs(monotonicMs);
    return {
      state: this.stateOf(Math.abs(offsetMs), errorMs),
      offsetMs,
      errorMs,
      agreeing: this.agreeing,
      answering: this.samples.filter((list) => list.length > 0).length,
      steps: this.steps,
      lastStepMs: this.lastStepMs,
      lastStepAgoMs: this.steps === 0 ? 0 : monotonicMs - this.lastStepAtMs,
    };
  }

  private errorMs(monotonicMs: number): number {
    return this.boundMs + (monotonicMs - this.boundAtMs) * driftRatio;
  }

  /** Without sources the error is not known, and only the wall clock's own steps can count. */
  private stateOf(offsetMs: number, errorMs: number): ClockState {
    const { warnMs, fenceMs, sourcesCount } = this.settings;
    const wrongMs = sourcesCount === 0 ? offsetMs : Math.max(offsetMs, errorMs);
    if (wrongMs >= fenceMs) return "fence";
    return wrongMs >= warnMs ? "warn" : "ok";
  }

  /** From the first to the last anchor that a majority of the best samples allows: the truth is there if most are right. */
  private combine(nowMs: number): void {
    const best = this.samples.flatMap((list): Sample[] => {
      const aged = list.map((one) => ({ ...one, boundMs: one.boundMs + (nowMs - one.atMs) * driftRatio }));
      const first = aged.sort((left, right) => left.boundMs - right.boundMs)[0];
      return first === undefined ? [] : [first];
    });
    const edges = best.flatMap(({ anchorMs, boundMs }) => [
      { atMs: anchorMs - boundMs, change: 1 },
      { atMs: anchorMs + boundMs, change: -1 },
    ]);
    edges.sort((left, right) => left.atMs - right.atMs || right.change - left.change);
    const majority = Math.floor(best.length / 2) + 1;
    let depth = 0;
    let most = 0;
    let low = Number.NaN;
    let high = Number.NaN;
    for (const { atMs, change } of edges) {
      if (change < 0 && depth >= majority) high = atMs;
      depth += change;
      if (change > 0 && depth >= majority && Number.isNaN(low)) low = atMs;
      if (depth > most) most = depth;
    }
    this.agreeing = most;
    if (most < majority) return;
    this.anchorMs = (low + high) / 2;
    this.boundMs = (high - low) / 2;
    this.boundAtMs = nowMs;
  }
}
