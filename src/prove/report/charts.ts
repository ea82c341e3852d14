/**
 * Draws plots as SVG text with ECharts, which needs no browser for it. Colours are written as variables of the page, so that
 * one drawing serves light, dark and paper; the hexadecimal colours below exist only between ECharts and the replacement.
 */
import type { EChartsOption } from "echarts";
import { formatNumber } from "../format.ts";
import type { HeatPlot, LinePlot, Mark, Plot, PlotAxis, PlotSeries } from "../result.ts";
import type { Text } from "../text.ts";

type Language = keyof Text;

const width = 1000;
const height = 380;
const font = "system-ui, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif";

/** What ECharts is told, and the variable that the page has instead. */
const ink = "#010203";
const faint = "#040506";
const grid = "#070809";
const mark = "#0a0b0c";
const series = ["#100001", "#100002", "#100003", "#100004", "#100005"];
const variables: readonly (readonly [string, string])[] = [
  [ink, "var(--ink)"],
  [faint, "var(--faint)"],
  [grid, "var(--line)"],
  [mark, "var(--mark)"],
  ...series.map((colour, index) => [colour, `var(--series-${index + 1})`] as const),
];

export async function drawPlot(plot: Plot, to: Language): Promise<string> {
  const { init } = await import("echarts");
  const option = plot.kind === "lines" ? linesOption(plot, to) : heatOption(plot, to);
  const heightPx = plot.kind === "heat" ? 320 : height;
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height: heightPx });
  chart.setOption({ animation: false, color: series, textStyle: { fontFamily: font, color: ink }, ...option });
  let svg = chart.renderToSVGString();
  chart.dispose();
  for (const [colour, variable] of variables) svg = svg.replaceAll(new RegExp(colour, "gi"), variable);
  return svg.replace("<svg ", `<svg role="img" aria-label="${escapeAttribute(plot.title[to])}" `);
}

const frame = { left: 76, right: 76, top: 44, bottom: 58 };
const line = { lineStyle: { color: grid } };

function linesOption(plot: LinePlot, to: Language): EChartsOption {
  const categories = plot.x.categories;
  const bottom = axis(plot.x, to);
  const right = plot.right === undefined ? [] : [{ ...axis(plot.right, to), splitLine: { show: false } }];
  return {
    grid: frame,
    legend: { top: 4, left: "center", textStyle: { color: ink, fontSize: 13 }, itemHeight: 8, itemGap: 32 },
    xAxis:
      categories === undefined
        ? { ...bottom, nameLocation: "middle", nameGap: 32, ...rangeOf(plot) }
        : {
            type: "category",
            data: [...categories],
            name: plot.x.title[to],
            nameLocation: "middle",
            nameGap: 32,
            axisLine: line,
            axisLabel: { color: ink },
          },
    yAxis: [
      { ...axis(plot.y, to), nameLocation: "middle", nameGap: 56 },
      ...right.map((each) => ({ ...each, nameLocation: "middle" as const, nameGap: 56 })),
    ],
    series: plot.series.map((each, index) => seriesOption(each, index === 0 ? plot.marks : [], plot, to)),
  } as EChartsOption;
}

/** A logarithmic axis that begins at a round number below its smallest value would waste half its room. */
function rangeOf({ x, series: all }: LinePlot): { min?: number; max?: number } {
  if (x.isLog !== true) return {};
  const values = all.flatMap(({ points }) => points.map(([at]) => at)).filter((at) => at > 0);
  return values.length === 0 ? {} : { min: Math.min(...values), max: Math.max(...values) };
}

function axis({ title, isLog, min }: PlotAxis, to: Language): Record<string, unknown> {
  return {
    type: isLog === true ? "log" : "value",
    name: title[to],
    nameTextStyle: { color: faint, fontSize: 13 },
    axisLabel: { color: ink, fontSize: 12, formatter: (value: number) => formatNumber(value) },
    axisLine: line,
    splitLine: line,
    ...(min !== undefined && { min }),
  };
}

function seriesOption(each: PlotSeries, marks: readonly Mark[], plot: LinePlot, to: Language): Record<string, unknown> {
  const isLog = (each.onRight === true ? plot.right : plot.y)?.isLog === true;
  const floor = isLog ? 1e-3 : Number.NEGATIVE_INFINITY;
  const points = each.points.map(([x, y]) => [x, Math.max(floor, y)]);
  const isSparse = points.length <= 30;
  return {
    name: each.name[to],
    type: each.kind === "bars" ? "bar" : each.kind === "points" ? "scatter" : "line",
    data: plot.x.categories === undefined ? points : points.map(([, y]) => y),
    yAxisIndex: each.onRight === true ? 1 : 0,
    showSymbol: isSparse,
    symbolSize: each.kind === "points" ? 11 : 6,
    ...(each.kind === "points" && { symbol: "diamond" }),
    lineStyle: { width: 2, ...(each.isDashed === true && { type: "dashed" }) },
    ...(marks.length > 0 && { markLine: markLine(marks, to) }),
  };
}

function markLine(marks: readonly Mark[], to: Language): Record<string, unknown> {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: mark, type: "dotted", width: 1.5 },
    label: { color: mark, fontSize: 12, position: "insideEndTop" },
    data: marks.map(({ axis: on, at, title }) => ({
      ...(on === "x" ? { xAxis: at } : { yAxis: at }),
      label: { formatter: title[to] },
    })),
  };
}

/** Cells as small rectangles; their darkness is the logarithm of the count, as opacity, so that it works on any ground. */
function heatOption({ cells, x }: HeatPlot, to: Language): EChartsOption {
  const seconds = [...new Set(cells.map(([second]) => second))].sort((a, b) => a - b);
  const rows = [...new Set(cells.map(([, us]) => us))].sort((a, b) => a - b);
  const most = Math.max(1, ...cells.map(([, , count]) => count));
  const steps = 6;
  const stepOf = (count: number): number =>
    Math.min(steps - 1, Math.floor((Math.log(count + 1) / Math.log(most + 1)) * steps));
  const groups = Array.from({ length: steps }, (_, step) =>
    cells
      .filter(([, , count]) => stepOf(count) === step)
      .map(([second, us]) => [seconds.indexOf(second), rows.indexOf(us)]),
  );
  const cellWidth = Math.max(1, (width - frame.left - frame.right) / seconds.length - 0.5);
  const cellHeight = Math.max(1, (320 - frame.top - frame.bottom) / rows.length - 0.5);
  const category = { type: "category" as const, axisLine: line, axisTick: { show: false }, splitLine: { show: false } };
  return {
    grid: { ...frame, top: 16 },
    xAxis: {
      ...category,
      data: seconds.map(String),
      name: x.title[to],
      nameLocation: "middle",
      nameGap: 32,
      axisLabel: { color: ink },
      nameTextStyle: { color: faint, fontSize: 13 },
    },
    yAxis: { ...category, data: rows.map((us) => `${formatNumber(us / 1000)} ms`), axisLabel: { color: ink } },
    series: groups.map((data, step) => ({
      type: "scatter" as const,
      symbol: "rect",
      symbolSize: [cellWidth, cellHeight],
      itemStyle: { color: series[0]!, opacity: 0.12 + (0.88 * (step + 1)) / steps },
      data,
    })),
  };
}

function escapeAttribute(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
