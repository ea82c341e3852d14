/**
 * Whether something grows under a steady load. A rise of memory is not yet a leak: a collector lets a heap fill before it looks at
 * it, and a compiler keeps what it made. What sets a leak apart is that it goes on, at the same number of bytes a request.
 */
import { defineMessages } from "../../base/mod.ts";
import { type Figure, figure } from "../result.ts";
import { type Point, theilSen } from "../statistics/mod.ts";
import { type Text, textOf } from "../text.ts";
import { common } from "./messages.ts";
import type { Sample } from "./soak-plots.ts";

const messages = defineMessages({
  leak: { en: "memory growth per request", zh: "每请求内存增长" },
  memorySlope: { en: "memory slope", zh: "内存斜率" },
  descriptorSlope: { en: "descriptor slope", zh: "描述符斜率" },
  latencySlope: { en: "P99 slope", zh: "P99 斜率" },
  short: {
    en: "a slope per hour needs ten minutes; this run held {seconds} s",
    zh: "每小时斜率需要至少十分钟；本次仅 {seconds} 秒",
  },
});

/** What of a run is looked at: memory and descriptors, and P99, each over time. */
export interface Grown {
  readonly samples: readonly Sample[];
  readonly points: readonly { readonly second: number; readonly latencyUsP99: number }[];
  /** How long the rate was held, and how many requests a second it was. */
  readonly seconds: number;
  readonly perSecond: number;
}

/** A run this long outlasts what fills and warms up: its second half tells by itself, and has slopes per hour. */
export const slopeSecondsMin = 600;
/** More than bookkeeping that settles, for each request and over all of them: a heap that breathes is no leak. */
const leakBytesMax = 16;
const grownBytesMin = 8e6;

/** Whether memory that grows so is worth being called a leak. */
export function isLeak(bytesPerRequest: number, requests: number): boolean {
  return bytesPerRequest > leakBytesMax && bytesPerRequest * requests > grownBytesMin;
}

const isLate = ({ second }: { readonly second: number }, { seconds }: Grown): boolean => second >= seconds / 2;

function memoryTrend(grown: Grown): ReturnType<typeof theilSen> {
  const late = grown.samples.filter((sample) => isLate(sample, grown));
  return theilSen(late.map(({ second, bytes }): Point => [second, bytes]));
}

/** Bytes a request by which memory grew in the second half, 0 where nothing shows; null where it cannot be seen. */
export function leakOf(grown: Grown): number | null {
  const trend = memoryTrend(grown);
  if (trend === null) return null;
  return trend.isSignificant && trend.slope > 0 ? trend.slope / Math.max(1, grown.perSecond) : 0;
}

/** Growth over the second half, when caches are warm and the compiler is done; memory's of the run that is to be judged by. */
export function growthFigures(grown: Grown, memory: Grown): Record<string, Figure> {
  const { samples, points, seconds } = grown;
  const late = samples.filter((sample) => isLate(sample, grown));
  const trend = memoryTrend(memory);
  const leak = leakOf(memory);
  const perRequest = (slope: number): number => slope / Math.max(1, memory.perSecond);
  return {
    leak_bytes_per_request: figure(messages.leak, leak, "B", {
      interval: trend === null ? null : [Math.min(0, perRequest(trend.low)), Math.max(0, perRequest(trend.high))],
      reason: leak === null ? common.unseen : null,
    }),
    memory_slope: perHour(
      messages.memorySlope,
      late.map(({ second, bytes }) => [second, bytes]),
      seconds,
    ),
    descriptor_slope: perHour(
      messages.descriptorSlope,
      late.map(({ second, descriptors }) => [second, descriptors]),
      seconds,
    ),
    latency_slope: perHour(
      messages.latencySlope,
      points.filter((point) => isLate(point, grown)).map(({ second, latencyUsP99 }) => [second, latencyUsP99]),
      seconds,
    ),
  };
}

function perHour(title: Text, values: readonly Point[], seconds: number): Figure {
  const trend = seconds < slopeSecondsMin ? null : theilSen(values);
  const first = values[0]?.[1] ?? 0;
  if (trend === null || first === 0) {
    return figure(title, null, "%/h", { reason: textOf(messages.short, { seconds }) });
  }
  const percent = (slope: number): number => (slope * 3600 * 100) / first;
  const interval = [percent(trend.low), percent(trend.high)] as const;
  return figure(title, trend.isSignificant ? percent(trend.slope) : 0, "%/h", { interval });
}
