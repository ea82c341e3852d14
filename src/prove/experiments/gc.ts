/**
 * Pauses of the runtime's collector under load, at rising connection counts and by policy: the runtime's own log says how
 * long each one held a worker, and the workers' late timers say whether that is all there was.
 */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, type Measured } from "../measure.ts";
import {
  emptyOutcome,
  type Figure,
  figure,
  notMeasured,
  type Outcome,
  type Plot,
  type Table,
  withHindrance,
} from "../result.ts";
import { bootstrapInterval, countInterval, mean, quantile } from "../statistics/mod.ts";
import { type CollectorPause, type MetricValues, type OwnTarget, percentileBetween } from "../target/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { type CrowdSize, crowdRate, crowdSize, missingConnections, runCrowd } from "./crowd.ts";
import { type Experiment, msOf, percentileFigure, steadyPart, voidReason } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "Collector pauses at up to 100,000 connections", zh: "至 100,000 连接的垃圾回收停顿" },
  method: {
    en: "The gateway runs with the runtime's collector log (BUN_JSC_logGC=1), and 10,000 and then 100,000 connections are used in turn at a third of what 10,000 callers get. Every pause that serving workers log in the measured time counts; those of the warm-up do not. Clients have the lowest priority meanwhile: the gateway times itself, and elsewhere they would have processors of their own. Writing the log is part of each pause, some 0.3 ms. Beside it stands the P99 of the event loop's lateness from the gateway's own metrics: a stall that no pause explains has another cause, such as waiting for a processor. From the standard profile on the policies that the configuration offers (section collector) run one after the other over 10,000 connections: what the runtime does by itself, as in a phase of market data; collecting in idle moments, as in a phase of orders; a lower limit of allocation; and collection that stops the worker. Since every pause is logged, percentiles here are of all there were; the interval is a block bootstrap.",
    zh: "网关启用运行时回收日志（BUN_JSC_logGC=1），以 10,000 个调用方所得速率的三分之一先后轮流使用 10,000 与 100,000 个连接。测量期间在用工作进程记录的每次停顿都计入，热身期间的不计。期间客户端优先级最低：计时由网关自身完成，而在实际环境中客户端另有处理器。写日志本身也计入每次停顿，约 0.3 毫秒。旁列网关自身指标中事件循环迟到的 P99：若停顿不能解释的卡顿，则另有原因，例如等待处理器。自 standard 档位起，在 10,000 连接下依次运行配置（collector 节）提供的各策略：运行时自行决定（如行情时段）、空闲时回收（如报单时段）、较低的分配上限、以及停住工作进程的回收。由于每次停顿都有日志，此处分位数为全部停顿的分位数；区间为区块自助法。",
  },
  p99: { en: "pause, P99", zh: "停顿 P99" },
  max: { en: "pause, longest", zh: "最长停顿" },
  count: { en: "pauses", zh: "停顿次数" },
  share: { en: "share of the workers' time in pauses", zh: "停顿占工作进程时间比例" },
  stall: { en: "event loop late, P99 (metrics)", zh: "事件循环迟到 P99（指标）" },
  latency: { en: "P99 of requests meanwhile", zh: "期间请求 P99" },
  holding: {
    en: "{count} connections over {workers} workers, {name}",
    zh: "{count} 个连接，{workers} 个工作进程，{name}",
  },
  earlierMax: {
    en: "longest pause before the measured time: start, warm-up, setting up connections",
    zh: "测量之前（启动、热身、建立连接）的最长停顿",
  },
  silent: {
    en: "no pause was logged, neither in the measured time nor before it: nothing shows that the log works",
    zh: "测量期间及此前均未记录到停顿：无法证明日志有效",
  },
  none: {
    en: "no worker was paused in the measured time, {seconds} s of each of {workers} workers: no collection was due. That the log works is shown by the {count} pauses it has of the same workers before that",
    zh: "测量期间（{workers} 个工作进程各 {seconds} 秒）没有停顿：期间无需回收。同一批工作进程此前有 {count} 次停顿记录，证明日志有效",
  },
  few: {
    en: "P99 needs {needed} pauses, there were {count}: the longest stands for it",
    zh: "P99 需要 {needed} 次停顿，实际 {count} 次：以最长者代之",
  },
  elsewhere: {
    en: "the event loop was late by up to {stall} ms (P99) where the longest pause was {pause} ms: what delays it is not the collector but other work, or waiting for a processor",
    zh: "事件循环迟到达 {stall} 毫秒（P99），而最长停顿为 {pause} 毫秒：拖延它的不是回收，而是其他工作或等待处理器",
  },
  noPolicies: {
    en: "the collector's policies are compared from --profile standard on",
    zh: "回收策略的对比自 --profile standard 起进行",
  },
  plot: { en: "How long are the pauses at 100,000 connections?", zh: "100,000 连接时停顿有多长？" },
  pauses: { en: "pauses", zh: "停顿次数" },
  length: { en: "pause (ms)", zh: "停顿（毫秒）" },
  table: { en: "By connections and policy", zh: "按连接数与策略" },
  policy: { en: "policy", zh: "策略" },
  runtime: { en: "the runtime decides (market)", zh: "运行时决定（行情）" },
  idle: { en: "in idle moments (order)", zh: "空闲时回收（报单）" },
  limited: { en: "after 1 MiB of allocation", zh: "每分配 1 MiB 后" },
  stopping: { en: "not concurrent", zh: "非并发" },
  articleMark: { en: "article's best: 3.1 ms", zh: "文章最好：3.1 毫秒" },
});

const crowdCount = 100_000;
const fewCount = 10_000;
/** What setting up connections leaves is collected by then. */
const settleSeconds = 4;
/** Fewer pauses than this have no 99th percentile: the longest stands for it. */
const pausesMin = 100;
/** Pauses of one cycle come together. */
const blockLength = 5;

const policies: readonly { readonly key: string; readonly name: Text; readonly collector: string }[] = [
  { key: "idle", name: messages.idle, collector: "{ idle: on }" },
  { key: "limited", name: messages.limited, collector: "{ allocationMax: 1MiB }" },
  { key: "stopping", name: messages.stopping, collector: "{ concurrent: off }" },
];

interface Watched {
  readonly name: Text;
  readonly count: number;
  readonly pauses: readonly number[];
  /** Those that the same workers had before: start, warm-up, setting up connections. */
  readonly earlierPauses: readonly number[];
  readonly stallMs: number | null;
  readonly seconds: number;
  readonly workersCount: number;
  readonly measured: Measured;
  /** Why it proves nothing, or null. */
  readonly reason: Text | null;
}

export const gc: Experiment = {
  name: "gc",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ collectorMs, collectorPolicyMs, comparesPolicies }) =>
    (collectorMs + collectorPolicyMs) / 1000 +
    21 +
    (comparesPolicies ? policies.length * (collectorPolicyMs / 1000 + 6) : 0),
  run: watchAll,
};

async function watchAll(context: Context): Promise<Outcome> {
  const size = crowdSize(context, crowdCount);
  if (!("count" in size)) return notMeasured(size);
  const perSecond = await crowdRate(context);
  const { collectorMs, collectorPolicyMs } = context.profile;
  const watched: Watched[] = [];
  await context.withWeir({ ...size.options, logsCollector: true }, async (target) => {
    await context.warm(target);
    for (const count of [fewCount, crowdCount]) {
      const rung = crowdSize(context, count);
      if (!("count" in rung)) return;
      const own = { ...rung, processesCount: size.processesCount };
      const ms = count === crowdCount ? collectorMs : collectorPolicyMs;
      watched.push(await watch(context, target, own, messages.runtime, perSecond, ms));
    }
  });
  const few = crowdSize(context, fewCount);
  for (const { name, collector } of "count" in few && context.profile.comparesPolicies ? policies : []) {
    const options = { ...size.options, logsCollector: true, collector };
    await context.withWeir(options, async (target) => {
      await context.warm(target);
      const own = { ...(few as CrowdSize), processesCount: size.processesCount };
      watched.push(await watch(context, target, own, name, perSecond, collectorPolicyMs));
    });
  }
  return outcomeOf(context, watched);
}

async function watch(
  context: Context,
  target: OwnTarget,
  size: CrowdSize,
  name: Text,
  perSecond: number,
  durationMs: number,
): Promise<Watched> {
  const { workersCount } = target;
  context.step(textOf(messages.holding, { count: formatNumber(size.count), workers: workersCount, name }));
  let from = target.collectorPauses.length;
  let seconds = 0;
  let before: Promise<MetricValues | null> = target.metrics();
  const measured = await runCrowd(
    context,
    target,
    size,
    perSecond,
    durationMs,
    {
      givesWay: true,
      onSecond: () => {
        seconds += 1;
        if (seconds > settleSeconds) return;
        // What happened until the warm-up ends is not part of the figure.
        from = target.collectorPauses.length;
        before = target.metrics();
      },
    },
    settleSeconds * 1000,
  );
  const [start, end] = [await before, await target.metrics()];
  const stall =
    start === null || end === null ? null : percentileBetween(start, end, "weir_event_loop_stall_seconds", 99);
  // Workers that only wait to replace one are small and have nothing to do.
  const serving = await target.workerIds();
  const pausesIn = (some: readonly CollectorPause[]): number[] =>
    some.filter(({ processId }) => serving.includes(processId)).map(({ ms }) => ms);
  return {
    ...{ name, count: size.count, workersCount, measured, seconds: durationMs / 1000 },
    pauses: pausesIn(target.collectorPauses.slice(from)),
    earlierPauses: pausesIn(target.collectorPauses.slice(0, from)),
    stallMs: stall === null ? null : stall * 1000,
    reason: missingConnections(measured, size.count) ?? voidReason(measured),
  };
}

function outcomeOf(context: Context, watched: readonly Watched[]): Outcome {
  const crowd = watched.find(({ count }) => count === crowdCount);
  const data = watched.map(({ measured, ...rest }) => ({ ...rest, run: brief(measured) }));
  if (crowd === undefined) return notMeasured(messages.silent, { data });
  const { pauses, earlierPauses, stallMs, measured, reason, seconds, workersCount } = crowd;
  const isCalm = pauses.length === 0 && earlierPauses.length > 0;
  const calm = { seconds, workers: workersCount, count: earlierPauses.length };
  const longest = pauses.length === 0 ? null : Math.max(...pauses);
  const isElsewhere = stallMs !== null && longest !== null && stallMs > longest;
  const values = { stall: formatNumber(stallMs ?? 0), pause: formatNumber(longest ?? 0) };
  return {
    ...emptyOutcome,
    status: reason === null ? "measured" : "not-measured",
    reason,
    limiter: measured.limiter,
    figures: figuresOf(context, crowd),
    notes: [
      ...(isCalm ? [textOf(messages.none, calm)] : []),
      ...(isElsewhere ? [textOf(messages.elsewhere, values)] : []),
      ...(context.profile.comparesPolicies ? [] : [messages.noPolicies]),
    ],
    plots: pauses.length === 0 ? [] : [pausePlot(pauses)],
    tables: [policyTable(watched)],
    data,
  };
}

function figuresOf(
  context: Context,
  { pauses, earlierPauses, stallMs, measured, seconds, workersCount }: Watched,
): Record<string, Figure> {
  const random = context.random("gc");
  const { length: count } = pauses;
  const silent = count === 0 && earlierPauses.length === 0 ? messages.silent : null;
  const few = count > 0 && count < pausesMin ? textOf(messages.few, { needed: pausesMin, count }) : null;
  const longest = (all: readonly number[]): number => Math.max(0, ...all);
  // Without a pause nothing was held up: that is the figure, if the log is known to work.
  const pauseFigure = (title: Text, statistic: (all: readonly number[]) => number, of = pauses): Figure => {
    if (of.length === 0) return figure(title, silent === null ? 0 : null, "ms", { reason: silent });
    const { estimate, low, high } = bootstrapInterval(of, statistic, { random, blockLength });
    return figure(title, estimate, "ms", { interval: [low, high] });
  };
  const p99 = pauseFigure(messages.p99, few === null ? (all) => quantile(all, 0.99) : longest);
  const share = (all: readonly number[]): number => (mean(all) * count) / 1000 / (seconds * workersCount);
  const average = count === 0 ? null : bootstrapInterval(pauses, share, { random, blockLength });
  const { points } = steadyPart(measured, settleSeconds);
  return {
    ...withHindrance(few, { pause_ms_p99: "up" }, { pause_ms_p99: p99 }),
    pause_ms_max: pauseFigure(messages.max, longest),
    pause_count: figure(messages.count, count, "count", { interval: countInterval(count) }),
    pause_ratio: figure(messages.share, average?.estimate ?? 0, "ratio", {
      interval: average === null ? null : [average.low, average.high],
    }),
    earlier_pause_ms_max: pauseFigure(messages.earlierMax, longest, earlierPauses),
    stall_ms_p99: figure(messages.stall, stallMs, "ms"),
    // Pauses and stalls are timed by the gateway's own clock, latency by the generator's.
    ...withHindrance(
      measured.hindrance,
      { crowd_ms_p99: "up" },
      { crowd_ms_p99: percentileFigure(messages.latency, points, 0.99, random) },
    ),
  };
}

const bounds = [0.05, 0.1, 0.2, 0.5, 1, 2, 3.1, 5, 10, 20, 50];

function pausePlot(pauses: readonly number[]): Plot {
  const counts = [...bounds, Number.POSITIVE_INFINITY].map(
    (bound, index) => pauses.filter((ms) => ms <= bound && ms > (bounds[index - 1] ?? -1)).length,
  );
  const names = [...bounds.map((bound) => `≤ ${bound}`), `> ${bounds.at(-1)}`];
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: messages.length, categories: names },
    y: { title: messages.pauses, min: 0 },
    series: [{ name: messages.pauses, kind: "bars", points: counts.map((count, index) => [index, count]) }],
    marks: [{ axis: "x", at: bounds.indexOf(3.1), title: messages.articleMark }],
  };
}

function policyTable(watched: readonly Watched[]): Table {
  const head = [messages.policy, common.connections, messages.pauses, plainText("P99 ms"), plainText("max ms")];
  return {
    title: messages.table,
    head: [...head, messages.share, messages.stall, messages.latency],
    rows: watched.map(({ name, count, pauses, stallMs, seconds, workersCount, measured, reason }) => {
      const share = pauses.reduce((sum, ms) => sum + ms, 0) / 10 / (seconds * workersCount);
      const isSound = pauses.length >= pausesMin;
      return [
        reason === null ? name : { en: `${name.en} *`, zh: `${name.zh} *` },
        formatNumber(count),
        formatNumber(pauses.length),
        isSound ? formatNumber(quantile(pauses, 0.99)) : "-",
        pauses.length === 0 ? "-" : formatNumber(Math.max(...pauses)),
        `${formatNumber(share)} %`,
        stallMs === null ? "-" : `${formatNumber(stallMs)} ms`,
        `${formatNumber(msOf(measured.load.summary.latencyUs.p99))} ms`,
      ];
    }),
  };
}
