/**
 * The ladder of connections. Two questions that are often mixed up: what 10,000 callers get who each wait for their answer
 * (closed loop), and whether the number of connections itself costs anything (the same rate over 10,000 and 100,000).
 */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, type Measured } from "../measure.ts";
import { emptyOutcome, type Figure, figure, type Outcome, type Plot, type Table, withHindrance } from "../result.ts";
import { comparePairs, median, type Point } from "../statistics/mod.ts";
import { joinTexts, plainText, type Text, textOf } from "../text.ts";
import { type CrowdSize, closedCrowd, crowdRate, crowdSize, missingConnections, runCrowd } from "./crowd.ts";
import {
  boundFigure,
  type Experiment,
  errorsFigure,
  errorsText,
  littleNotes,
  medianByX,
  msOf,
  percentileFigure,
  rateFigure,
  steadyPart,
  voidReason,
} from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "Connections: 10,000 callers, and a crowd of 100,000", zh: "连接：10,000 个调用方与 100,000 个连接" },
  method: {
    en: "Closed loop: 10,000 connections, each sending its next request when it has its answer; the most that many callers get, whose requests may wait for 4 s in the gateway. Crowd: one constant rate, a third of that, over ever more connections used in turn, on the same gateway processes; 10,000 come before and after 100,000, rate and P50 of the crowd are compared with the mean of both second by second with a bootstrap, and the two runs of 10,000 with each other are the A/A row. In a closed loop 100,000 callers would wait ten times as long as 10,000 by Little's law alone, which says nothing about connections; the article's own figures (43,100 requests/s at 24.7 ms) mean 1,065 requests in flight, so they too come from mostly idle connections.",
    zh: "闭环：10,000 个连接，各自收到应答后再发下一个请求，即众多调用方所能获得的最大速率；请求在网关中最多可等待 4 秒。人群：以其三分之一的恒定速率，轮流使用越来越多的连接，网关进程不变；10,000 连接在 100,000 之前与之后各运行一次，将人群的速率与 P50 同两者均值逐秒用自助法比较，两次 10,000 互比即为 A/A 行。若为闭环，仅由 Little 定律，100,000 个调用方的等待就是 10,000 个的十倍，与连接本身无关；文章数据（43,100 req/s、24.7 毫秒）意味着在途仅 1,065 个请求，同样来自大多空闲的连接。",
  },
  closed: { en: "10,000 connections, closed loop", zh: "10,000 连接，闭环" },
  rung: {
    en: "{count} connections at {rate} requests/s: P50 {p50} ms, P99 {p99} ms",
    zh: "{count} 个连接、每秒 {rate}：P50 {p50} 毫秒，P99 {p99} 毫秒",
  },
  closedRate: { en: "rate over 10,000 connections (closed loop)", zh: "10,000 连接速率（闭环）" },
  closedErrors: { en: "errors over 10,000 connections", zh: "10,000 连接错误数" },
  closedBound: { en: "failure ratio at most (95 %)", zh: "失败率上界（95 %）" },
  closedP50: { en: "P50 over 10,000 connections (closed loop)", zh: "10,000 连接 P50（闭环）" },
  rateRatio: { en: "rate at 100,000 to rate at 10,000 connections", zh: "100,000 与 10,000 连接速率之比" },
  p50Noise: { en: "P50 at 10,000 against 10,000 connections (A/A)", zh: "10,000 对 10,000 连接 P50 之比（A/A）" },
  restless: {
    en: "two runs over the same 10,000 connections differed by a factor of {factor}",
    zh: "同样 10,000 连接的两次运行相差 {factor} 倍",
  },
  missingRung: { en: "not all rungs were climbed", zh: "并非每一级都已完成" },
  p50Ratio: { en: "P50 at 100,000 to P50 at 10,000 connections", zh: "100,000 与 10,000 连接 P50 之比" },
  crowdP50: { en: "P50 over 100,000 connections", zh: "100,000 连接 P50" },
  crowdP99: { en: "P99 over 100,000 connections", zh: "100,000 连接 P99" },
  plot: { en: "Does the number of connections cost latency?", zh: "连接数是否增加延迟？" },
  articlePoints: { en: "23.1 and 24.7 ms", zh: "23.1 与 24.7 毫秒" },
  table: { en: "Rungs", zh: "各级" },
  setup: { en: "opened per second", zh: "每秒建立" },
});

interface Rung {
  readonly count: number;
  readonly measured: Measured;
}

const fewCount = 10_000;
const crowdCount = 100_000;
const noiseMax = 1.1;
/** A late or slow generator makes these worse; ratios between runs it may move either way. */
const bends = {
  closed_per_second: "down",
  closed_errors: "up",
  closed_error_ratio_bound: "up",
  closed_ms_p50: "up",
  crowd_ms_p50: "up",
  crowd_ms_p99: "up",
} as const;

export const connections: Experiment = {
  name: "connections",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: ({ connectionsMs, ladderBelow, ladderHoldMs }) =>
    connectionsMs / 1000 + 7 + (3 + ladderBelow.length) * (ladderHoldMs / 1000 + 3) + 10,
  run: climb,
};

async function climb(context: Context): Promise<Outcome> {
  context.step(messages.closed);
  const closed = await closedCrowd(context, context.profile.connectionsMs);
  const size = crowdSize(context, crowdCount);
  const rungs = "count" in size ? await climbRungs(context, size, await crowdRate(context)) : [];
  const refusal = "count" in size ? null : size;
  const figures = { ...closedFigures(context, closed), ...crowdFigures(context, rungs, refusal) };
  const isVoid = "load" in closed && closed.isVoid;
  return {
    ...emptyOutcome,
    figures,
    limiter: "load" in closed ? closed.limiter : closed,
    reason: "load" in closed ? voidReason(closed) : null,
    notes: isVoid ? [] : littleNotes("load" in closed ? closed : null),
    plots: rungs.length > 1 ? [latencyPlot(rungs)] : [],
    tables: rungs.length > 0 ? [rungTable(rungs)] : [],
    data: {
      closed: "load" in closed ? brief(closed) : null,
      rungs: rungs.map(({ count, measured }) => ({ count, ...brief(measured) })),
    },
  };
}

async function climbRungs(context: Context, size: CrowdSize, rate: number): Promise<Rung[]> {
  const rungs: Rung[] = [];
  return await context.withTarget(size.options, async (target) => {
    await context.warm(target);
    for (const count of [...context.profile.ladderBelow, fewCount, crowdCount, fewCount]) {
      const own = crowdSize(context, count);
      if (!("count" in own)) break;
      const processesCount = size.processesCount;
      const measured = await runCrowd(context, target, { ...own, processesCount }, rate, context.profile.ladderHoldMs);
      rungs.push({ count, measured });
      const { latencyUs } = measured.load.summary;
      const values = { count: formatNumber(count), rate: formatNumber(rate) };
      const latencies = { p50: formatNumber(msOf(latencyUs.p50)), p99: formatNumber(msOf(latencyUs.p99)) };
      context.step(textOf(messages.rung, { ...values, ...latencies }));
    }
    return rungs;
  });
}

function closedFigures(context: Context, closed: Measured | Text): Record<string, Figure> {
  if (!("load" in closed)) {
    const nothing = (title: Text): Figure => figure(title, null, "req/s", { reason: closed });
    return { closed_per_second: nothing(messages.closedRate), closed_errors: nothing(messages.closedErrors) };
  }
  const random = context.random("closed");
  const { points } = steadyPart(closed, 2);
  const { errors, requests } = closed.load.summary;
  return withHindrance(closed.hindrance, bends, {
    closed_per_second: rateFigure(messages.closedRate, points, random),
    closed_errors: errorsFigure(messages.closedErrors, errors),
    closed_error_ratio_bound: boundFigure(messages.closedBound, errors.total, requests),
    closed_ms_p50: percentileFigure(messages.closedP50, points, 0.5, random),
  });
}

/** The crowd between two rungs of 10,000: their mean cancels what drifts, their difference is what noise looks like. */
function crowdFigures(context: Context, rungs: readonly Rung[], refusal: Text | null): Record<string, Figure> {
  const [few, again] = rungs.filter(({ count }) => count === fewCount).map(({ measured }) => measured);
  const crowd = rungs.find(({ count }) => count === crowdCount)?.measured;
  const reason = refusal ?? reasonAgainst(few, again, crowd);
  if (reason !== null || few === undefined || again === undefined || crowd === undefined) {
    return {
      crowd_rate_ratio: figure(messages.rateRatio, null, "ratio", { reason }),
      crowd_p50_ratio: figure(messages.p50Ratio, null, "ratio", { reason }),
    };
  }
  const random = context.random("crowd");
  const ratioFigure = (title: Text, read: (point: SeriesPoint) => number, isNoise = false): Figure => {
    const seconds = (measured: Measured): number[] => steadyPart(measured, 2).points.map(read);
    const [first, last, many] = [seconds(few), seconds(again), seconds(crowd)];
    const length = Math.min(first.length, last.length, many.length);
    const pairs = Array.from({ length }, (_, index) => {
      const calm = (first[index]! + last[index]!) / 2;
      return isNoise ? ([first[index]!, last[index]!] as const) : ([calm, many[index]!] as const);
    });
    const { ratio } = comparePairs(pairs, median, { random, blockLength: 2 });
    return figure(title, ratio.estimate, "ratio", { interval: [ratio.low, ratio.high] });
  };
  const { points } = steadyPart(crowd, 2);
  const hindrance = [few, again, crowd].find((measured) => measured.hindrance !== null)?.hindrance ?? null;
  const noise = ratioFigure(messages.p50Noise, ({ latencyUsP50 }) => latencyUsP50, true);
  const hindrances = [hindrance, restless(noise)].filter((text) => text !== null);
  return withHindrance(hindrances.length === 0 ? null : joinTexts(hindrances), bends, {
    crowd_rate_ratio: ratioFigure(messages.rateRatio, ({ answers, seconds }) => answers / seconds),
    crowd_p50_ratio: ratioFigure(messages.p50Ratio, ({ latencyUsP50 }) => latencyUsP50),
    crowd_p50_noise: noise,
    crowd_ms_p50: percentileFigure(messages.crowdP50, points, 0.5, random),
    crowd_ms_p99: percentileFigure(messages.crowdP99, points, 0.99, random),
  });
}

/** Where two runs over the same connections differ by more than what is asked of two that are not the same, nothing is compared. */
function restless({ value }: Figure): Text | null {
  const ratio = Math.max(value ?? 1, 1 / (value ?? 1));
  return ratio <= noiseMax ? null : textOf(messages.restless, { factor: formatNumber(ratio) });
}

type SeriesPoint = Measured["load"]["series"]["points"][number];

/** Why the rungs cannot be compared, or null. */
function reasonAgainst(few?: Measured, again?: Measured, crowd?: Measured): Text | null {
  if (crowd === undefined || few === undefined || again === undefined) return messages.missingRung;
  return missingConnections(crowd, crowdCount) ?? voidReason(few) ?? voidReason(again) ?? voidReason(crowd);
}

function latencyPlot(rungs: readonly Rung[]): Plot {
  const line = (read: (measured: Measured) => number): Point[] =>
    medianByX(rungs.map(({ count, measured }) => [count, read(measured)]));
  const latency = (name: "p50" | "p99") => line(({ load }) => msOf(load.summary.latencyUs[name]));
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: common.connections, isLog: true },
    y: { title: plainText("ms"), isLog: true },
    right: { title: common.memory, min: 0 },
    series: [
      { name: plainText("P50"), kind: "line", points: latency("p50") },
      { name: plainText("P99"), kind: "line", points: latency("p99") },
      {
        name: textOf(common.article, { text: messages.articlePoints }),
        kind: "points",
        points: [
          [10_000, 23.1],
          [100_000, 24.7],
        ],
      },
      {
        name: common.memory,
        kind: "line",
        isDashed: true,
        onRight: true,
        points: line(({ accounts }) => (accounts.gatewayBytes ?? 0) / 1e6),
      },
    ],
    marks: [],
  };
}

function rungTable(rungs: readonly Rung[]): Table {
  return {
    title: messages.table,
    head: [
      common.connections,
      common.achieved,
      plainText("P50 ms"),
      plainText("P99 ms"),
      common.errors,
      messages.setup,
      common.memory,
    ],
    rows: rungs.map(({ count, measured: { load, accounts } }) => [
      formatNumber(count),
      formatNumber(load.summary.requestsPerSecond),
      formatNumber(msOf(load.summary.latencyUs.p50)),
      formatNumber(msOf(load.summary.latencyUs.p99)),
      errorsText(load.summary.errors),
      formatNumber(load.generator.setup.perSecond),
      accounts.gatewayBytes === null ? "-" : formatNumber(accounts.gatewayBytes / 1e6),
    ]),
  };
}
