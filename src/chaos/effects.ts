/** What the active faults add up to for one direction of one connection. Recomputed when faults change, not for each read. */
import type { Direction, Fault } from "./fault.ts";

export interface Effects {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Infinity when nothing limits it. */
  readonly bytesPerSecond: number;
  readonly isPartitioned: boolean;
  readonly isLost: boolean;
  readonly closeDelayMs: number;
  /** Infinity when nothing is sliced. */
  readonly sliceBytes: number;
  readonly sliceVariationBytes: number;
  readonly sliceDelayMs: number;
  /** Infinity when nothing limits it. */
  readonly limitBytes: number;
}

export const noEffects: Effects = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  isPartitioned: false,
  isLost: false,
  closeDelayMs: 0,
  sliceBytes: Number.POSITIVE_INFINITY,
  sliceVariationBytes: 0,
  sliceDelayMs: 0,
  limitBytes: Number.POSITIVE_INFINITY,
};

/** Delays add up; of limits the tightest counts. */
export function effectsOf(faults: readonly Fault[], direction: "up" | "down"): Effects {
  return faults.filter((fault) => concerns(fault.direction, direction)).reduce(withFault, noEffects);
}

export function concerns(of: Direction, direction: "up" | "down"): boolean {
  return of === "both" || of === direction;
}

function withFault(effects: Effects, fault: Fault): Effects {
  switch (fault.kind) {
    case "latency":
      return {
        ...effects,
        delayMs: effects.delayMs + fault.delayMs,
        jitterMs: effects.jitterMs + fault.jitterMs,
      };
    case "bandwidth":
      return { ...effects, bytesPerSecond: Math.min(effects.bytesPerSecond, fault.bytesPerSecond) };
    case "loss":
      return { ...effects, isLost: true };
    case "partition":
      return { ...effects, isPartitioned: true };
    case "slow-close":
      return { ...effects, closeDelayMs: effects.closeDelayMs + fault.delayMs };
    case "slice":
      return fault.sizeBytes >= effects.sliceBytes
        ? effects
        : {
            ...effects,
            sliceBytes: fault.sizeBytes,
            sliceVariationBytes: fault.variationBytes,
            sliceDelayMs: fault.delayMs,
          };
    case "limit":
      return { ...effects, limitBytes: Math.min(effects.limitBytes, fault.bytes) };
    case "reset":
      // A reset is of the whole connection: the link does it.
      return effects;
  }
}
