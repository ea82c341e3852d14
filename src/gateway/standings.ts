/**
 * Tells the supervisor how this worker's policies stand: the gates of its upstreams, the pressure on it, its clock. Once in a
 * quarter of a second; what it tells is read by `weir status` and metrics.
 */
import { GateVerdict, type LaneGate, lanesCount } from "../lanes/mod.ts";
import {
  admissionStandingName,
  type CellDirectory,
  type ClockReport,
  clockStandingName,
  clockStates,
  gateFigures,
  type Pressure,
  pressureBars,
  pressureRatioFigure,
  pressureStandingName,
  Standing,
} from "../resilience/mod.ts";
import type { Exchange } from "./exchange.ts";

/** A step within this time is the cause of a clock that is not well. */
const stepCauseMs = 60_000;
/** Pressure from which queries are shed. */
const shedsFrom = pressureBars[3]!;

/** How one gate stands. Limiting: somebody waits, or was refused since the last look. */
export class GateStanding {
  private readonly standing: Standing;
  private refusedSeen = 0;

  constructor(directory: CellDirectory, upstream: string, seat: number, seatsCount: number) {
    this.standing = new Standing(directory, admissionStandingName(upstream), seat, seatsCount);
  }

  tell(gate: LaneGate<Exchange>, nowMs: number): void {
    const { standing } = this;
    const hasRefused = gate.refusedTotal > this.refusedSeen;
    this.refusedSeen = gate.refusedTotal;
    const isLimiting = hasRefused || gate.queues.waiting > 0;
    const cause = hasRefused ? gate.lastRefusal : isLimiting ? GateVerdict.waiting : GateVerdict.started;
    standing.put(isLimiting ? 1 : 0, cause, nowMs);
    standing.putFigure(gateFigures.limit, gate.admission.limit);
    standing.putFigure(gateFigures.inFlight, gate.inFlight);
    standing.putFigure(gateFigures.refused, gate.refusedTotal);
    for (let lane = 0; lane < lanesCount; lane++)
      standing.putFigure(gateFigures.waiting + lane, gate.queues.waitingIn(lane as 0 | 1 | 2 | 3));
  }
}

/** How the worker itself stands. */
export class WorkerStanding {
  private readonly pressure: Standing;
  private readonly clock: Standing;

  constructor(directory: CellDirectory, seat: number, seatsCount: number) {
    this.pressure = new Standing(directory, pressureStandingName, seat, seatsCount);
    this.clock = new Standing(directory, clockStandingName, seat, seatsCount);
  }

  tell(pressure: Pressure, clock: ClockReport, nowMs: number): void {
    this.pressure.put(pressure.value >= shedsFrom ? 1 : 0, pressure.source, nowMs);
    this.pressure.putFigure(pressureRatioFigure, pressure.value * 1000);
    this.clock.put(clockStates.indexOf(clock.state), clockCauseOf(clock), nowMs);
  }
}

function clockCauseOf({ state, offsetMs, errorMs, steps, lastStepAgoMs }: ClockReport): number {
  if (state === "ok") return 0;
  if (steps > 0 && lastStepAgoMs < stepCauseMs) return 1;
  return Number.isFinite(errorMs) && errorMs > Math.abs(offsetMs) ? 3 : 2;
}
