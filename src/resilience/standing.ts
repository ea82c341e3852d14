/**
 * How the policies of each worker stand, in shared cells for whoever asks (`weir status`, metrics): a state, its cause, since
 * when, and a few figures. Every worker writes a block of its own, by its seat; the supervisor reads those of living workers.
 *
 *     | seat 0: state, cause, since, figure 0 .. figure 9, - | seat 1: ... |
 */
import type { CellDirectory } from "./cell-directory.ts";

/** Names of what workers tell. */
export const pressureStandingName = "standing pressure";
export const clockStandingName = "standing clock";

export function admissionStandingName(upstream: string): string {
  return `standing admission ${upstream}`;
}

/** Figures of a gate; those that wait begin at `waiting`, by lane. */
export const gateFigures = { limit: 0, inFlight: 1, refused: 2, waiting: 3 } as const;
/** Figure of the pressure, in thousandths. */
export const pressureRatioFigure = 0;
export const clockCauses = ["none", "step", "offset", "unsure"] as const;

const blockCells = 16;
const figuresAt = 3;
const figuresMax = 10;

export interface StandingReading {
  readonly state: number;
  readonly cause: number;
  readonly forMs: number;
  readonly figures: readonly number[];
}

export class Standing {
  private readonly cells: Int32Array;
  private readonly at: number;

  constructor(directory: CellDirectory, name: string, seat: number, seatsCount: number) {
    this.cells = directory.cells;
    this.at = directory.take(name, seatsCount * blockCells) + seat * blockCells;
    this.cells.fill(0, this.at, this.at + blockCells);
  }

  /** A state that stays keeps its time; its cause may change. */
  put(state: number, cause: number, nowMs: number): void {
    const { cells, at } = this;
    if (Atomics.load(cells, at) !== state || Atomics.load(cells, at + 2) === 0) Atomics.store(cells, at + 2, nowMs | 0);
    Atomics.store(cells, at, state);
    Atomics.store(cells, at + 1, cause);
  }

  putFigure(index: number, value: number): void {
    Atomics.store(this.cells, this.at + figuresAt + index, Math.round(Math.min(value, 0x7fff_ffff)));
  }
}

/** What the workers on these seats have put; empty where none has. */
export function readStandings(
  directory: CellDirectory,
  name: string,
  seats: readonly number[],
  seatsCount: number,
  nowMs: number,
): StandingReading[] {
  const first = directory.find(name, seatsCount * blockCells);
  if (first < 0) return [];
  const load = (at: number): number => Atomics.load(directory.cells, at);
  return seats.flatMap((seat): StandingReading[] => {
    const at = first + seat * blockCells;
    const sinceMs = load(at + 2);
    if (sinceMs === 0) return [];
    const figures = Array.from({ length: figuresMax }, (_, index) => load(at + figuresAt + index));
    return [{ state: load(at), cause: load(at + 1), forMs: Math.max(0, ((nowMs | 0) - sinceMs) | 0), figures }];
  });
}

/** Refusals of all workers together and the moment of the last: two cells. */
export const refusalCells = 2;

export function refusalsName(limit: string): string {
  return `limit refusals ${limit}`;
}

export function countRefusal(cells: Int32Array, at: number, nowMs: number): void {
  Atomics.add(cells, at, 1);
  Atomics.store(cells, at + 1, nowMs | 0);
}
