/** Orders among market data and cancels, 7 : 2 : 1: what the order path sees at 70 % of what the mix can take. */
import { defineMessages } from "../../base/mod.ts";
import { type LatencyUs, type LoadResult, mergeResults } from "../../load/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, isStill, type Measured } from "../measure.ts";
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
import { bootstrapInterval, mean, median, percentileSamplesMin, type SearchResult } from "../statistics/mod.ts";
import { type OwnTarget, type Target, upstreamOf } from "../target/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { type Experiment, errorsText, heatOf, latencyHindrance, msOf, voidReason } from "./experiment.ts";
import { common } from "./messages.ts";
import { tradingClasses, tradingKnee } from "./trading.ts";

const messages = defineMessages({
  title: { en: "Mix: orders among market data and cancels, 7:2:1", zh: "混合流量：行情、报单、撤单 7:2:1" },
  method: {
    en: "Weir runs with its admission control, as under a burst, and where the machine has cores enough each worker is bound to one, and the generator to the others. A short search finds the mix's own knee (all classes together within 10 ms at P99); 70 % of it is then held in an open loop, in four pieces, and every class has its own percentiles over all of them; the intervals come from the spread of the pieces. Watchers on each core, which go before everybody else, tell when it stood still; a piece in which cores did for more than 0.1 % of the time is held again, some times at most, and kept in the data. Between them, two more go straight to the upstream: what they show is the machine's, the generator's and the upstream's own, and where that alone misses a threshold and what the gateway adds does not, this machine cannot show what is claimed. Jitter is P99 less P50 of orders.",
    zh: "Weir 启用准入控制，与突发实验相同；核心足够时每个工作进程绑定一个核心，压测端绑定其余核心。先用短搜索得到混合流量自身的拐点（全部类别 P99 不超过 10 毫秒），再以其 70 % 开环分四段运行，各类别在全部段上分别统计分位数，区间来自各段的离散。每个核心上有最高优先级的监视器记录核心何时停顿；核心停顿超过 0.1 % 时间的段重新运行（次数有限），原数据保留。其间另有两段不经网关、直达上游：其结果为机器、压测端与上游自身所致；若仅此已超过门槛、而网关增加的部分未超过，则本机无法证明该指标。抖动为报单 P99 减 P50。",
  },
  knee: { en: "knee of the mix", zh: "混合流量拐点" },
  holding: { en: "holding {rate} requests/s", zh: "保持每秒 {rate}" },
  orderP50: { en: "orders, P50", zh: "报单 P50" },
  orderP99: { en: "orders, P99", zh: "报单 P99" },
  jitter: { en: "orders, P99 less P50", zh: "报单 P99 减 P50" },
  floorP99: { en: "the same load without the gateway, P99", zh: "不经网关的相同负载 P99" },
  floorJitter: { en: "the same load without the gateway, P99 less P50", zh: "不经网关的相同负载 P99 减 P50" },
  straight: { en: "the same straight to the upstream", zh: "相同负载直达上游" },
  cancelP99: { en: "cancels, P99", zh: "撤单 P99" },
  marketP99: { en: "market data, P99", zh: "行情 P99" },
  again: { en: "held again: processors stood still", zh: "重新运行：处理器曾停顿" },
  repeats: {
    en: "{count} pieces were held again, in which processors stood still for {percent} % of the time",
    zh: "{count} 段因处理器停顿 {percent} % 的时间而重新运行",
  },
  few: { en: "P99 needs {needed} requests, there were {count}", zh: "P99 需要 {needed} 个请求，实际 {count} 个" },
  heat: { en: "latency over time, all classes, the first piece", zh: "延迟随时间的分布（全部类别，第一段）" },
  none: { en: "no rate of the mix met the goal", zh: "混合流量没有速率达标" },
  rate: { en: "rate held", zh: "保持的速率" },
  plot: { en: "What does each class see?", zh: "各类别的延迟如何？" },
  table: { en: "Classes", zh: "各类别" },
  class: { en: "class", zh: "类别" },
});

const share = 0.7;
/** Jitter is a difference of two figures that a late generator raises, so it may move either way. */
const bends = {
  order_ms_p99: "up",
  order_ms_p50: "up",
  cancel_ms_p99: "up",
  market_ms_p99: "up",
  floor_ms_p99: "up",
} as const;
const orderShare = 0.2;
/** On a machine this slow P99 stays open. */
const stretchMax = 2;
/** The rate is held in so many pieces, whose spread is the interval. */
const blocksCount = 4;
/** Between them go so many without the gateway. */
const straightCount = 2;
/** Pieces that are held again at most, because the machine stood still. */
const repeatsMax = 6;

export const mix: Experiment = {
  name: "mix",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ mixMs }) => (mixMs / 1000) * (1 + straightCount / blocksCount) + 22,
  run: (context) => context.withTradingWeir((target) => holdMix(context, target)),
};

async function holdMix(context: Context, target: OwnTarget): Promise<Outcome> {
  const classes = tradingClasses;
  const found = await tradingKnee(context, target);
  if (found.lower === null) return notMeasured(messages.none);
  const rate = context.rateToHold("mix", found.lower * share);
  context.step(textOf(messages.holding, { rate: formatNumber(rate) }));
  const disturbed: Measured[] = [];
  const blockMs = holdMs(context.profile.mixMs, rate) / blocksCount;
  const hold = async (where: Target): Promise<Measured> => {
    for (;;) {
      const block = await context.trial(where, rate, blockMs, { classes });
      if (isStill(block.accounts) || disturbed.length === repeatsMax) return block;
      disturbed.push(block);
      context.step(messages.again);
    }
  };
  const blocks: Measured[] = [];
  const straight: Measured[] = [];
  while (blocks.length < blocksCount) {
    blocks.push(await hold(target));
    if (straight.length === straightCount || blocks.length % 2 === 0) continue;
    context.step(messages.straight);
    straight.push(await hold(upstreamOf(target)));
  }
  const outcome = outcomeOf(context, blocks, straight, found, rate);
  const data = { ...(outcome.data as object), disturbed: disturbed.map(brief) };
  return { ...outcome, notes: repeatNotes(disturbed), data };
}

function repeatNotes(disturbed: readonly Measured[]): Text[] {
  if (disturbed.length === 0) return [];
  const ratios = disturbed.map(({ accounts }) => accounts.standstill?.ratio ?? 0);
  return [textOf(messages.repeats, { count: disturbed.length, percent: formatNumber(mean(ratios) * 100) })];
}

/** Long enough for the P99 of orders, with some to spare, where that is not too long to wait for. */
function holdMs(planned: number, rate: number): number {
  const needed = (1100 * percentileSamplesMin(99)) / (rate * orderShare);
  return Math.max(planned, Math.min(needed, planned * stretchMax));
}

function outcomeOf(
  context: Context,
  blocks: readonly Measured[],
  straight: readonly Measured[],
  found: SearchResult,
  rate: number,
): Outcome {
  const random = context.random("mix");
  const merged = mergeResults(blocks.map(({ load }) => load));
  const spoiled = blocks.find(({ isVoid }) => isVoid);
  const hindrance = blocks.map(latencyHindrance).find((text) => text !== null) ?? null;
  const floor = floorOf(straight);
  // A core that stands still for a hundredth of the time raises P99 and leaves the median where it is.
  const isLate = blocks.some((each) => each.hindrance !== null);
  const bendsHere = isLate ? bends : ({ ...bends, order_ms_jitter: "up" } as const);
  const classFigure = (title: Text, name: string, read: (latencyUs: LatencyUs) => number): Figure => {
    const { latencyUs } = classOf(merged, name);
    const needed = percentileSamplesMin(99);
    if (latencyUs.count < needed) {
      return figure(title, null, "ms", { reason: textOf(messages.few, { needed, count: latencyUs.count }) });
    }
    const pieces = blocks.map(({ load }) => msOf(read(classOf(load, name).latencyUs)));
    const { low, high } = bootstrapInterval(pieces, median, { random });
    return figure(title, msOf(read(latencyUs)), "ms", {
      interval: [low, high],
      floor: floor === null ? null : msOf(read(floor.whole)),
    });
  };
  const lower = found.lower!;
  return {
    ...emptyOutcome,
    status: spoiled === undefined ? "measured" : "not-measured",
    reason: spoiled === undefined ? null : voidReason(spoiled),
    limiter: blocks.at(-1)!.limiter,
    figures: withHindrance(hindrance, bendsHere, {
      order_ms_p99: classFigure(messages.orderP99, "order", ({ p99 }) => p99),
      order_ms_jitter: classFigure(messages.jitter, "order", ({ p99, p50 }) => p99 - p50),
      order_ms_p50: classFigure(messages.orderP50, "order", ({ p50 }) => p50),
      cancel_ms_p99: classFigure(messages.cancelP99, "cancel", ({ p99 }) => p99),
      market_ms_p99: classFigure(messages.marketP99, "market", ({ p99 }) => p99),
      ...floorFigures(floor),
      mix_knee_per_second: figure(messages.knee, lower, "req/s", { interval: found.interval }),
      mix_per_second: figure(messages.rate, rate, "req/s"),
    }),
    plots: [classPlot(merged), heatOf(blocks[0]!, messages.heat)],
    tables: [classTable(merged)],
    data: { blocks: blocks.map(brief), straight: straight.map(brief) },
  };
}

/** What the load shows without the gateway, all classes together: in all, and by piece. */
interface Floor {
  readonly whole: LatencyUs;
  readonly pieces: readonly LatencyUs[];
}

/** Null where it proves nothing. */
function floorOf(straight: readonly Measured[]): Floor | null {
  const whole = mergeResults(straight.map(({ load }) => load)).summary.latencyUs;
  if (straight.some(({ isVoid }) => isVoid) || whole.count < percentileSamplesMin(99)) return null;
  return { whole, pieces: straight.map(({ load }) => load.summary.latencyUs) };
}

function floorFigures(floor: Floor | null): Record<string, Figure> {
  if (floor === null) return {};
  const floorFigure = (title: Text, read: (latencyUs: LatencyUs) => number): Figure => {
    const pieces = floor.pieces.map((each) => msOf(read(each)));
    return figure(title, msOf(read(floor.whole)), "ms", { interval: [Math.min(...pieces), Math.max(...pieces)] });
  };
  return {
    floor_ms_p99: floorFigure(messages.floorP99, ({ p99 }) => p99),
    floor_ms_jitter: floorFigure(messages.floorJitter, ({ p99, p50 }) => p99 - p50),
  };
}

function classOf({ classes }: LoadResult, name: string): LoadResult["classes"][number] {
  return classes.find((each) => each.name === name)!;
}

const percents = ["p50", "p75", "p90", "p95", "p99", "p999"] as const;

function classPlot({ classes }: LoadResult): Plot {
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: plainText(""), categories: ["P50", "P75", "P90", "P95", "P99", "P99.9"] },
    y: { title: plainText("ms"), min: 0 },
    series: classes.map(({ name, latencyUs }) => ({
      name: plainText(name),
      kind: "line" as const,
      points: percents.map((percent, index) => [index, msOf(latencyUs[percent])] as const),
    })),
    marks: [{ axis: "y", at: 5, title: plainText("W-06: 5 ms") }],
  };
}

function classTable({ classes }: LoadResult): Table {
  return {
    title: messages.table,
    head: [
      messages.class,
      common.achieved,
      plainText("P50 ms"),
      plainText("P99 ms"),
      plainText("max ms"),
      common.errors,
    ],
    rows: classes.map(({ name, requestsPerSecond, latencyUs, errors }) => [
      name,
      formatNumber(requestsPerSecond),
      ...[latencyUs.p50, latencyUs.p99, latencyUs.max].map((us) => formatNumber(msOf(us))),
      errorsText(errors),
    ]),
  };
}
