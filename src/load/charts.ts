/** The plots of a report, each an SVG string. ECharts is loaded when the first is drawn, so that runs start fast. */
import type { EChartsOption } from "echarts";
import { Histogram, latencyNsShape, type Message, say } from "../base/mod.ts";
import { formatUs } from "./format.ts";
import { addEncoded } from "./hdr.ts";
import { messages } from "./messages.ts";
import type { LoadResult } from "./result.ts";
import type { SweepResult } from "./sweep.ts";

const width = 960;
const height = 320;
/** More would be thinner than a few pixels, and make the page large. */
const heatColumnsMax = 200;
/** Told apart by lightness as well as by hue. */
const colours = ["#1f4e9c", "#e07b00", "#6b7280", "#0b8a8f", "#9b2d6f"];

async function draw(option: EChartsOption, heightPx = height): Promise<string> {
  const { init } = await import("echarts");
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height: heightPx });
  const base: EChartsOption = {
    animation: false,
    color: colours,
    grid: { left: 80, right: 60, top: 72, bottom: 45 },
    legend: { top: 28, left: "center", icon: "roundRect", itemHeight: 4 },
  };
  chart.setOption({ ...base, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function titleOf(message: Message, detail = ""): NonNullable<EChartsOption["title"]> {
  const text = detail === "" ? say(message) : `${say(message)} (${detail})`;
  return { text, top: 0, left: "center", textStyle: { fontSize: 15 } };
}

const usAxis = (us: number): string => formatUs(us);

export function rateChart(result: LoadResult): Promise<string> {
  const { points } = result.series;
  const perSecond = (value: number, seconds: number): number => Math.round((value / seconds) * 10) / 10;
  const line = (name: string, read: (point: (typeof points)[number]) => number) => ({
    name,
    type: "line" as const,
    showSymbol: points.length === 1,
    data: points.map((point) => [point.second, perSecond(read(point), point.seconds)]),
  });
  const series = [line(say(messages.answers), (point) => point.answers)];
  if (result.summary.targetPerSecond !== null) series.unshift(line(say(messages.asked), (point) => point.scheduled));
  if (result.summary.errors.total > 0) series.push(line(say(messages.errors), (point) => point.errors));
  return draw({
    title: titleOf(messages.chartRate),
    xAxis: { type: "value", name: "s", min: 0, max: lastSecond(result) },
    yAxis: { type: "value", name: say(messages.chartPerSecond), min: 0 },
    series,
  });
}

export function latencyChart(result: LoadResult): Promise<string> {
  const points = result.series.points.filter((point) => point.column.length > 0);
  if (points.length === 0) return Promise.resolve("");
  const fields = [
    ["P50", "latencyUsP50"],
    ["P90", "latencyUsP90"],
    ["P99", "latencyUsP99"],
    ["max", "latencyUsMax"],
  ] as const;
  return draw({
    title: titleOf(messages.chartLatency),
    xAxis: { type: "value", name: "s", min: 0, max: lastSecond(result) },
    yAxis: { type: "log", axisLabel: { formatter: usAxis } },
    series: fields.map(([name, field]) => ({
      name,
      type: "line" as const,
      showSymbol: points.length === 1,
      data: points.map((point) => [point.second, Math.max(0.1, point[field])]),
    })),
  });
}

/** Time against latency, darker where more answers fell; four rows to each doubling of the latency, counts in logarithms. */
export function heatMapChart(result: LoadResult): Promise<string> {
  const points = result.series.points.filter((point) => point.column.length > 0);
  if (points.length === 0) return Promise.resolve("");
  const rowOf = (us: number): number => Math.floor(Math.log2(Math.max(1, us)) * 4);
  const cells = new Map<string, number>();
  let [lowest, highest, most] = [Number.POSITIVE_INFINITY, 0, 0];
  const perColumn = Math.ceil(points.length / heatColumnsMax);
  points.forEach((point, index) => {
    const x = Math.floor(index / perColumn);
    for (let at = 0; at < point.column.length; at += 2) {
      const row = rowOf(point.column[at]!);
      [lowest, highest] = [Math.min(lowest, row), Math.max(highest, row)];
      const count = (cells.get(`${x} ${row}`) ?? 0) + point.column[at + 1]!;
      cells.set(`${x} ${row}`, count);
      most = Math.max(most, count);
    }
  });
  const data = [...cells].map(([key, count]) => {
    const [x, row] = key.split(" ").map(Number) as [number, number];
    return [x, row - lowest, Math.log10(count + 1)];
  });
  const rows = Array.from({ length: highest - lowest + 1 }, (_, index) => formatUs(2 ** ((lowest + index) / 4)));
  const heat = {
    title: titleOf(messages.chartHeatMap),
    xAxis: {
      type: "category" as const,
      name: "s",
      data: points.filter((_, index) => index % perColumn === 0).map((point) => String(point.second)),
    },
    yAxis: { type: "category" as const, data: rows },
    visualMap: {
      show: false,
      min: 0,
      max: Math.log10(most + 1),
      inRange: { color: ["#eef3fb", "#9dbce8", "#1f4e9c", "#0a1c3d"] },
    },
    series: [{ type: "heatmap" as const, data }],
  };
  return draw(heat, Math.max(height, Math.min(640, rows.length * 12 + 110)));
}

/** Latency by percentile, the axis stretched so that each nine has the same room. */
export function percentileChart(result: LoadResult, detail = ""): Promise<string> {
  const isOpen = result.summary.targetPerSecond !== null;
  const curves = [
    [say(messages.response), sumOf(result, "response")],
    ...(isOpen ? [[say(messages.service), sumOf(result, "service")] as const] : []),
  ] as const;
  const most = Math.max(...curves.map(([, histogram]) => histogram.count));
  if (most === 0) return Promise.resolve("");
  const nines = Math.min(6, Math.max(1, Math.log10(most)));
  const steps = 120;
  return draw({
    title: titleOf(messages.chartPercentiles, detail),
    xAxis: {
      type: "value",
      min: 0,
      max: Math.ceil(nines),
      interval: 1,
      axisLabel: {
        formatter: (nine: number) => `${(100 * (1 - 10 ** -nine)).toFixed(Math.max(0, nine - 2))} %`,
      },
    },
    yAxis: { type: "log", axisLabel: { formatter: usAxis } },
    series: curves.map(([name, histogram]) => ({
      name,
      type: "line" as const,
      showSymbol: false,
      data: Array.from({ length: steps + 1 }, (_, index) => {
        const x = (index / steps) * nines;
        return [x, Math.max(0.1, histogram.percentile(100 * (1 - 10 ** -x)) / 1000)];
      }),
    })),
  });
}

/** Latency, and the achieved rate, at each level of a sweep. */
export function sweepChart(sweep: SweepResult): Promise<string> {
  const fields = [
    ["P50", "p50"],
    ["P90", "p90"],
    ["P99", "p99"],
    ["P99.9", "p999"],
  ] as const;
  const at = (index: number): number => sweep.levels[index]!;
  return draw({
    title: titleOf(sweep.kind === "rate" ? messages.chartSweepRate : messages.chartSweepConnections),
    xAxis: { type: "value", name: sweep.kind === "rate" ? say(messages.chartPerSecond) : "" },
    yAxis: [
      { type: "log", axisLabel: { formatter: usAxis } },
      { type: "value", name: say(messages.sweepAchieved), min: 0, splitLine: { show: false } },
    ],
    series: [
      ...fields.map(([name, field]) => ({
        name,
        type: "line" as const,
        data: sweep.runs.map((run, index) => [at(index), Math.max(0.1, run.summary.latencyUs[field])]),
      })),
      {
        name: say(messages.sweepAchieved),
        type: "line" as const,
        yAxisIndex: 1,
        lineStyle: { type: "dashed" as const },
        data: sweep.runs.map((run, index) => [at(index), Math.round(run.summary.requestsPerSecond)]),
      },
    ],
  });
}

function sumOf(result: LoadResult, kind: "response" | "service"): Histogram {
  const sum = new Histogram(latencyNsShape);
  for (const each of result.classes) addEncoded(each.histograms[kind], sum);
  return sum;
}

function lastSecond(result: LoadResult): number {
  const last = result.series.points.at(-1);
  return last === undefined ? 1 : Math.max(1, last.second + last.seconds - 1);
}
