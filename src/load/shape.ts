/**
 * Load shapes: how many requests per second are asked for at each moment of an open-loop run, as pieces in which the rate
 * is constant or changes in a straight line. `expand*` turn what people write into pieces.
 */
import { WeirError } from "../base/mod.ts";

/** From `fromPerSecond` to `toPerSecond` over `durationMs`. */
export interface ShapePiece {
  readonly durationMs: number;
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

/** How arrivals are spaced within the shape. */
export type Arrivals = "constant" | "poisson";

export function constantShape(perSecond: number, durationMs: number): ShapePiece[] {
  return [{ durationMs, fromPerSecond: perSecond, toPerSecond: perSecond }];
}

/** A base rate with bursts of another rate, each `burstMs` long and `everyMs` apart (from start to start). */
export function burstShape(
  perSecond: number,
  burst: { readonly perSecond: number; readonly burstMs: number; readonly everyMs: number },
  durationMs: number,
): ShapePiece[] {
  if (burst.burstMs >= burst.everyMs) {
    throw new WeirError("load.burst", "a burst lasts as long as the time between bursts", {
      hint: "make the time between bursts longer than one burst",
    });
  }
  const pieces: ShapePiece[] = [];
  let leftMs = durationMs;
  const add = (rate: number, ms: number): void => {
    const takenMs = Math.min(ms, leftMs);
    if (takenMs > 0) pieces.push({ durationMs: takenMs, fromPerSecond: rate, toPerSecond: rate });
    leftMs -= takenMs;
  };
  while (leftMs > 0) {
    add(perSecond, burst.everyMs - burst.burstMs);
    add(burst.perSecond, burst.burstMs);
  }
  return pieces;
}

export function shapeDurationMs(pieces: readonly ShapePiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.durationMs, 0);
}

/** Requests the shape asks for in all. */
export function shapeRequests(pieces: readonly ShapePiece[]): number {
  return pieces.reduce(
    (sum, piece) => sum + ((piece.fromPerSecond + piece.toPerSecond) / 2) * (piece.durationMs / 1000),
    0,
  );
}

/** The rate asked for at a moment; 0 after the end. */
export function shapeRateAt(pieces: readonly ShapePiece[], atMs: number): number {
  let startMs = 0;
  for (const piece of pieces) {
    if (atMs < startMs + piece.durationMs) {
      const share = (atMs - startMs) / piece.durationMs;
      return piece.fromPerSecond + (piece.toPerSecond - piece.fromPerSecond) * share;
    }
    startMs += piece.durationMs;
  }
  return 0;
}
