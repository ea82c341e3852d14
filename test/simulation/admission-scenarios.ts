/** The scenarios in which admission policies are compared, and the figures read from a run. */
import type { Scenario, Second } from "./admission-model.ts";

const small = { servers: 4, serviceMs: 2, sigma: 0.5, sloMs: 15, timeoutMs: 2_000 };

/** Capacity 2,000/s; half of it, three times that for 30 s, half again (REQUIREMENTS I-07). */
export const burst: Scenario = {
  ...small,
  name: "burst",
  phases: [
    { seconds: 30, perSecond: 1_000 },
    { seconds: 30, perSecond: 3_000 },
    { seconds: 30, perSecond: 1_000 },
  ],
};

/** The same with 64 servers of 20 ms: capacity 3,200/s. */
export const wideBurst: Scenario = {
  ...small,
  name: "wide burst",
  servers: 64,
  serviceMs: 20,
  sloMs: 75,
  phases: [
    { seconds: 30, perSecond: 1_600 },
    { seconds: 30, perSecond: 4_800 },
    { seconds: 30, perSecond: 1_600 },
  ],
};

/** The upstream takes three times as long for 30 s, at three quarters of its first capacity. */
export const latencySteps: Scenario = {
  ...small,
  name: "latency steps",
  servers: 32,
  serviceMs: 10,
  sloMs: 100,
  phases: [
    { seconds: 20, perSecond: 2_400 },
    { seconds: 30, perSecond: 2_400, slowness: 3 },
    { seconds: 30, perSecond: 2_400 },
  ],
};

/** The upstream stands still for 10 s. */
export const stall: Scenario = {
  ...small,
  name: "stall",
  phases: [
    { seconds: 20, perSecond: 1_500 },
    { seconds: 10, perSecond: 1_500, slowness: Number.POSITIVE_INFINITY },
    { seconds: 30, perSecond: 1_500 },
  ],
};

/** A tenth too much for five minutes: a limit that drifts shows here. */
export const drift: Scenario = { ...small, name: "drift", phases: [{ seconds: 300, perSecond: 2_200 }] };

/** Half of the capacity for ten minutes: nothing may be refused. */
export const calm: Scenario = { ...small, name: "calm", phases: [{ seconds: 600, perSecond: 1_000 }] };

/** Answers of two kinds, a twentieth of them twenty times as long. */
export const uneven: Scenario = { ...burst, name: "uneven", sigma: 1.2, sloMs: 30 };

export interface Figures {
  /** Answers in time per second. */
  readonly goodPerSecond: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly refusedRatio: number;
  /** Answers in time of each lane's offered requests: cancel, order, market, query. */
  readonly goodRatio: readonly number[];
  /** P99 of orders and cancels together. */
  readonly orderP99Ms: number;
}

/** Figures of the requests that arrived in seconds [from, to). */
export function figuresOf(seconds: readonly Second[], from: number, to: number): Figures {
  const part = seconds.slice(from, to);
  const sum = (read: (second: Second) => readonly number[]): number[] =>
    [0, 1, 2, 3].map((lane) => part.reduce((total, second) => total + read(second)[lane]!, 0));
  const [offered, good, refused] = [sum((one) => one.offered), sum((one) => one.good), sum((one) => one.refused)];
  const total = (values: number[]): number => values.reduce((left, right) => left + right, 0);
  const all = part.flatMap((second) => second.latencies.flat());
  const valuable = part.flatMap((second) => [...second.latencies[0]!, ...second.latencies[1]!]);
  return {
    goodPerSecond: total(good) / (to - from),
    p95Ms: percentile(all, 95),
    p99Ms: percentile(all, 99),
    refusedRatio: total(refused) / Math.max(1, total(offered)),
    goodRatio: good.map((count, lane) => count / Math.max(1, offered[lane]!)),
    orderP99Ms: percentile(valuable, 99),
  };
}

/** The first second of [from, to) after which three in a row hold `isGood`, counted from `from`; -1 for never. */
export function secondsUntil(
  seconds: readonly Second[],
  from: number,
  to: number,
  isGood: (figures: Figures) => boolean,
): number {
  for (let start = from; start + 3 <= to; start++) {
    if ([0, 1, 2].every((step) => isGood(figuresOf(seconds, start + step, start + step + 1)))) return start - from;
  }
  return -1;
}

function percentile(values: number[], percent: number): number {
  if (values.length === 0) return 0;
  values.sort((left, right) => left - right);
  return values[Math.min(values.length - 1, Math.ceil((percent / 100) * values.length) - 1)]!;
}
