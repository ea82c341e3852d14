/**
 * @hot
 * The absolute schedule of an open-loop run: when request i is due, counted in nanoseconds from the start of the run,
 * whatever happened to the requests before it. Arrival i lies where the integral of the rate reaches i (constant) or the
 * sum of i exponential gaps (Poisson), so a ramp is followed exactly and rounding never adds up.
 *
 * Every process walks the same arrivals and keeps each n-th for itself: the same seed gives the same arrivals, and the same
 * classes, whatever the number of processes.
 */
import { assert, Random } from "../base/mod.ts";
import { ClassPicker } from "./class-picker.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import type { Arrivals, ShapePiece } from "./shape.ts";

/** A process's share of an open-loop plan; null for a closed loop. Made once. @cold */
export function scheduleOf(plan: LoadPlan, share: ProcessShare): Schedule | null {
  const { load } = plan;
  if (load.kind === "closed") return null;
  const weights = plan.classes.map((each) => each.weight);
  const requestsMax = plan.requestsMax ?? Number.POSITIVE_INFINITY;
  const { process, processesCount } = share;
  const random = new Random(plan.seed);
  return new Schedule(load.pieces, load.arrivals, weights, random, process, processesCount, requestsMax);
}

export class Schedule {
  /** The arrival `advance` moved to: when it is due, Infinity after the last one. */
  dueNs = 0;
  /** Which class it belongs to. */
  classIndex = 0;
  /** The number of requests ended the schedule, not its time. */
  isEndedByCount = false;
  private readonly startsNs: Float64Array;
  private readonly endsNs: Float64Array;
  private readonly fromPerNs: Float64Array;
  private readonly slopePerNs: Float64Array;
  /** Arrivals due before each piece. */
  private readonly arrivalsBefore: Float64Array;
  private readonly arrivalsIn: Float64Array;
  private readonly classes: ClassPicker;
  private piece = 0;
  private position = 0;
  private drawn = 0;
  private readonly random: Random;
  private readonly isPoisson: boolean;
  private readonly processesCount: number;
  private readonly process: number;
  private readonly requestsMax: number;

  /**
   * @param weights of the classes; one class needs no draw
   * @param process which of `processesCount` this is, from 0
   * @param requestsMax arrivals of all processes after which the schedule ends
   */
  constructor(
    pieces: readonly ShapePiece[],
    arrivals: Arrivals,
    weights: readonly number[],
    random: Random,
    process = 0,
    processesCount = 1,
    requestsMax = Number.POSITIVE_INFINITY,
  ) {
    assert(process >= 0 && process < processesCount, "a process is one of those that share the schedule");
    this.random = random;
    this.isPoisson = arrivals === "poisson";
    this.process = process;
    this.processesCount = processesCount;
    this.requestsMax = requestsMax;
    const count = pieces.length;
    this.startsNs = new Float64Array(count);
    this.endsNs = new Float64Array(count);
    this.fromPerNs = new Float64Array(count);
    this.slopePerNs = new Float64Array(count);
    this.arrivalsBefore = new Float64Array(count);
    this.arrivalsIn = new Float64Array(count);
    let atNs = 0;
    let before = 0;
    pieces.forEach((piece, index) => {
      const durationNs = piece.durationMs * 1e6;
      this.startsNs[index] = atNs;
      this.endsNs[index] = atNs + durationNs;
      this.fromPerNs[index] = piece.fromPerSecond / 1e9;
      this.slopePerNs[index] = (piece.toPerSecond - piece.fromPerSecond) / 1e9 / durationNs;
      this.arrivalsBefore[index] = before;
      this.arrivalsIn[index] = ((piece.fromPerSecond + piece.toPerSecond) / 2 / 1e9) * durationNs;
      atNs += durationNs;
      before += this.arrivalsIn[index]!;
    });
    this.classes = new ClassPicker(weights, random);
  }

  /** Moves to this process's next arrival. */
  advance(): void {
    do {
      this.draw();
      if (this.dueNs === Number.POSITIVE_INFINITY) return;
    } while ((this.drawn - 1) % this.processesCount !== this.process);
  }

  private draw(): void {
    if (this.drawn >= this.requestsMax) {
      this.dueNs = Number.POSITIVE_INFINITY;
      this.isEndedByCount = true;
      return;
    }
    // A constant schedule begins with an arrival at zero, a Poisson one after its first gap.
    this.position = this.isPoisson ? this.position + this.random.exponential(1) : this.drawn;
    this.drawn++;
    const last = this.startsNs.length - 1;
    let piece = this.piece;
    while (piece <= last && this.position >= this.arrivalsBefore[piece]! + this.arrivalsIn[piece]!) piece++;
    this.piece = piece;
    this.dueNs = piece > last ? Number.POSITIVE_INFINITY : this.startsNs[piece]! + this.timeInto(piece);
    this.classIndex = this.classes.pick();
  }

  /** Solves from * t + slope / 2 * t^2 = arrivals for t, in the form that does not cancel. */
  private timeInto(piece: number): number {
    const arrivals = this.position - this.arrivalsBefore[piece]!;
    const from = this.fromPerNs[piece]!;
    const slope = this.slopePerNs[piece]!;
    if (slope === 0) return arrivals / from;
    const root = Math.sqrt(Math.max(0, from * from + 2 * slope * arrivals));
    return arrivals === 0 ? 0 : (2 * arrivals) / (from + root);
  }
}
