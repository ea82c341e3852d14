/** What a soak shows: latency over time, what grows, and where the time of a request goes. */
import { defineMessages } from "../../base/mod.ts";
import type { LatencyUs } from "../../load/mod.ts";
import { latencyGoalUs } from "../context.ts";
import type { Measured } from "../measure.ts";
import type { Plot, PlotSeries } from "../result.ts";
import { type Point, percentileSamplesMin } from "../statistics/mod.ts";
import { plainText, type Text } from "../text.ts";
import { msOf } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  overTime: { en: "Does latency stay, and is every second answered?", zh: "延迟是否稳定，每一秒是否都有应答？" },
  curve: {
    en: "Where does the time go, and how much of it is the generator's own?",
    zh: "时间花在哪里，其中多少属于压测端自身？",
  },
  response: { en: "from when due to the answer", zh: "自应发时刻至应答" },
  service: { en: "from when sent to the answer", zh: "自发送时刻至应答" },
  lag: { en: "generator late", zh: "压测端迟发" },
  growth: { en: "Does anything grow?", zh: "是否有资源持续增长？" },
  descriptors: { en: "descriptors", zh: "描述符" },
});

/** What the gateway's workers held. */
export interface Sample {
  readonly second: number;
  readonly bytes: number;
  readonly descriptors: number;
}

const percents = [
  ["p50", "P50", 50],
  ["p75", "P75", 75],
  ["p90", "P90", 90],
  ["p99", "P99", 99],
  ["p999", "P99.9", 99.9],
  ["p9999", "P99.99", 99.99],
] as const;

/** Percentile curves, as far as there are samples for them. */
export function percentilePlot({ load: { summary } }: Measured): Plot {
  const sound = percents.filter(([, , percent]) => summary.latencyUs.count >= percentileSamplesMin(percent));
  const curve = (name: Text, latency: LatencyUs): PlotSeries => ({
    name,
    kind: "line",
    points: sound.map(([key], index) => [index, msOf(latency[key])]),
  });
  return {
    kind: "lines",
    title: messages.curve,
    x: { title: plainText(""), categories: sound.map(([, shown]) => shown) },
    y: { title: plainText("ms"), isLog: true },
    series: [
      curve(messages.response, summary.latencyUs),
      curve(messages.service, summary.serviceUs),
      curve(messages.lag, summary.sendLagUs),
    ],
    marks: [{ axis: "y", at: latencyGoalUs / 1000, title: common.goal }],
  };
}

export function timePlots({ load }: Measured, samples: readonly Sample[]): Plot[] {
  const { points } = load.series;
  const line = (read: (point: (typeof points)[number]) => number): Point[] =>
    points.map((point) => [point.second, read(point)]);
  const latency: Plot = {
    kind: "lines",
    title: messages.overTime,
    x: { title: common.time },
    y: { title: plainText("ms"), isLog: true },
    right: { title: common.achieved, min: 0 },
    series: [
      { name: plainText("P50"), kind: "line", points: line((point) => msOf(point.latencyUsP50)) },
      { name: plainText("P99"), kind: "line", points: line((point) => msOf(point.latencyUsP99)) },
      { name: plainText("max"), kind: "line", points: line((point) => msOf(point.latencyUsMax)) },
      {
        name: common.achieved,
        kind: "line",
        isDashed: true,
        onRight: true,
        points: line((point) => Math.round(point.answers / point.seconds)),
      },
    ],
    marks: [{ axis: "y", at: latencyGoalUs / 1000, title: common.goal }],
  };
  if (samples.length === 0) return [latency];
  const memory: Plot = {
    kind: "lines",
    title: messages.growth,
    x: { title: common.time },
    y: { title: common.memory, min: 0 },
    right: { title: messages.descriptors, min: 0 },
    series: [
      { name: common.memory, kind: "line", points: samples.map(({ second, bytes }) => [second, bytes / 1e6]) },
      {
        name: messages.descriptors,
        kind: "line",
        isDashed: true,
        onRight: true,
        points: samples.map(({ second, descriptors }) => [second, descriptors]),
      },
    ],
    marks: [],
  };
  return [latency, memory];
}
