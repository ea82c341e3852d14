/** How admission, rate limits, the pressure on workers and their clocks stand, put together from what each worker tells. */
import type { Config } from "../config/mod.ts";
import { gateVerdictNames, laneNames } from "../lanes/mod.ts";
import {
  admissionStandingName,
  CellDirectory,
  clockCauses,
  clockStandingName,
  clockStates,
  directoryCellsMin,
  gateFigures,
  pressureRatioFigure,
  pressureSources,
  pressureStandingName,
  readStandings,
  refusalCells,
  refusalsName,
  type StandingReading,
} from "../resilience/mod.ts";

export interface AdmissionReport {
  readonly upstream: string;
  readonly policy: string;
  /** Limiting while requests wait for a place or are refused one, in any worker. */
  readonly state: "free" | "limiting";
  readonly cause: (typeof gateVerdictNames)[number];
  readonly forMs: number;
  /** Sums over the workers. */
  readonly limit: number;
  readonly inFlight: number;
  readonly waiting: Readonly<Record<(typeof laneNames)[number], number>>;
  readonly refusedTotal: number;
}

export interface RateLimitReport {
  readonly name: string;
  /** Refusing while the last refusal is not a second old. */
  readonly state: "within" | "refusing";
  readonly refusedTotal: number;
  /** Since the last refusal; null when there was none. */
  readonly agoMs: number | null;
}

/** Of the worker that is worst off. */
export interface PressureReport {
  readonly state: "none" | "shedding";
  readonly cause: (typeof pressureSources)[number] | "none";
  readonly forMs: number;
  readonly ratio: number;
}

export interface ClockStateReport {
  readonly state: (typeof clockStates)[number];
  readonly cause: (typeof clockCauses)[number];
  readonly forMs: number;
}

export interface PoliciesReport {
  readonly admission: readonly AdmissionReport[];
  readonly rateLimits: readonly RateLimitReport[];
  readonly pressure: PressureReport;
  readonly clock: ClockStateReport;
}

const refusingMs = 1000;

/** @param seats of the workers that live. @param nowMs machine time */
export function readPolicies(
  config: Config,
  cells: Int32Array,
  seats: readonly number[],
  seatsCount: number,
  nowMs: number,
): PoliciesReport {
  if (cells.length < directoryCellsMin) return emptyPolicies;
  const directory = new CellDirectory(cells);
  const read = (name: string): StandingReading[] => readStandings(directory, name, seats, seatsCount, nowMs);
  return {
    admission: config.upstreams.flatMap(({ name, admission }) => {
      const readings = read(admissionStandingName(name));
      return readings.length === 0 ? [] : [admissionOf(name, admission?.policy ?? "fixed", readings)];
    }),
    rateLimits: config.rateLimits.map(({ name }) => limitOf(directory, name, nowMs)),
    pressure: pressureOf(read(pressureStandingName)),
    clock: clockOf(read(clockStandingName)),
  };
}

export const emptyPolicies: PoliciesReport = {
  admission: [],
  rateLimits: [],
  pressure: { state: "none", cause: "none", forMs: 0, ratio: 0 },
  clock: { state: "ok", cause: "none", forMs: 0 },
};

function admissionOf(upstream: string, policy: string, readings: readonly StandingReading[]): AdmissionReport {
  const worst = worstOf(readings);
  const sum = (figure: number): number => readings.reduce((total, { figures }) => total + figures[figure]!, 0);
  const waiting = laneNames.map((lane, index) => [lane, sum(gateFigures.waiting + index)]);
  return {
    upstream,
    policy,
    state: worst.state === 1 ? "limiting" : "free",
    cause: gateVerdictNames[worst.cause] ?? "none",
    forMs: worst.forMs,
    limit: sum(gateFigures.limit),
    inFlight: sum(gateFigures.inFlight),
    waiting: Object.fromEntries(waiting) as AdmissionReport["waiting"],
    refusedTotal: sum(gateFigures.refused),
  };
}

function limitOf(directory: CellDirectory, name: string, nowMs: number): RateLimitReport {
  const at = directory.find(refusalsName(name), refusalCells);
  const refusedTotal = at < 0 ? 0 : Atomics.load(directory.cells, at) >>> 0;
  if (refusedTotal === 0) return { name, state: "within", refusedTotal, agoMs: null };
  const agoMs = Math.max(0, ((nowMs | 0) - Atomics.load(directory.cells, at + 1)) | 0);
  return { name, state: agoMs < refusingMs ? "refusing" : "within", refusedTotal, agoMs };
}

function pressureOf(readings: readonly StandingReading[]): PressureReport {
  if (readings.length === 0) return emptyPolicies.pressure;
  const ratioOf = ({ figures }: StandingReading): number => figures[pressureRatioFigure]! / 1000;
  const worst = readings.reduce((most, one) => (ratioOf(one) > ratioOf(most) ? one : most));
  const ratio = ratioOf(worst);
  return {
    state: worst.state === 1 ? "shedding" : "none",
    cause: ratio === 0 ? "none" : (pressureSources[worst.cause] ?? "none"),
    forMs: worst.forMs,
    ratio,
  };
}

function clockOf(readings: readonly StandingReading[]): ClockStateReport {
  if (readings.length === 0) return emptyPolicies.clock;
  const worst = worstOf(readings);
  return { state: clockStates[worst.state] ?? "ok", cause: clockCauses[worst.cause] ?? "none", forMs: worst.forMs };
}

/** The highest state; of those the one that has lasted longest, where none is bad the one that was bad last. */
function worstOf(readings: readonly StandingReading[]): StandingReading {
  return readings.reduce((most, one) => {
    if (one.state !== most.state) return one.state > most.state ? one : most;
    return one.state > 0 === one.forMs > most.forMs ? one : most;
  });
}
