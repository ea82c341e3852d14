/** A burst of three times the normal rate: what admitted requests see, what was turned away, and how soon it is over. */
import { defineMessages } from "../../base/mod.ts";
import { burstShape } from "../../load/mod.ts";
import { type Context, openConnectionsCount } from "../context.ts";
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
import { columnInterval, median, type Point, quantile } from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { type Experiment, errorsText, heatOf, latencyHindrance, msOf, voidReason } from "./experiment.ts";
import { common } from "./messages.ts";
import { tradingClasses, tradingKnee } from "./trading.ts";

const messages = defineMessages({
  title: { en: "Burst: three times the normal rate", zh: "突发：正常速率的三倍" },
  method: {
    en: "Open loop. The normal rate is a third of the knee of what is sent, the capacity that a threefold burst calls for; it steps to three times that and back, several times. P95 is over the good answers to requests of the burst's seconds, from when each was due. Weir runs with its admission control, each worker bound to a core and the generator to the others where there are enough, and the 7:2:1 mix, so that what was turned away is told by class. Time to converge is how long after a burst P99 is back within twice its normal value, to the second.",
    zh: "开环。正常速率取所发流量自身拐点的三分之一，即三倍突发所需的容量；随后阶跃至三倍并返回，重复多次。P95 统计突发秒内请求的正常应答，自应发时刻计。Weir 启用准入控制，核心足够时每个工作进程绑定一个核心、压测端绑定其余核心，并使用 7:2:1 混合流量，因此按类别给出被拒绝的数量。收敛时间指突发结束后 P99 回到正常值两倍以内所需时间，精确到秒。",
  },
  none: { en: "no rate of the mix met the goal", zh: "混合流量没有速率达标" },
  running: { en: "{normal} to {burst} requests/s", zh: "每秒 {normal} 升至 {burst}" },
  p95: { en: "P95 of admitted requests in the burst", zh: "突发期间已接纳请求 P95" },
  normalP95: { en: "P95 at the normal rate", zh: "正常速率 P95" },
  converge: { en: "time to converge", zh: "收敛时间" },
  shed: { en: "turned away or failed", zh: "被拒绝或失败" },
  rate: { en: "rate of the burst", zh: "突发速率" },
  plot: { en: "What happens to latency and answers around each burst?", zh: "每次突发前后延迟与应答如何变化？" },
  table: { en: "By class, whole run", zh: "按类别（整个过程）" },
  class: { en: "class", zh: "类别" },
  shedRatio: { en: "turned away", zh: "被拒绝" },
});

const factor = 3;
const leadMs = 1000;

export const burst: Experiment = {
  name: "burst",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: ({ burstNormalMs, burstMs, burstsCount }) =>
    ((burstNormalMs + burstMs) * burstsCount + burstNormalMs) / 1000 + 5,
  run: async (context) => {
    if (context.isWeir) return await context.withTradingWeir((target) => hitWeir(context, target));
    return await context.withTarget({}, async (target) => {
      return await hit(context, target, context.rateToHold("burst", await context.capacity()));
    });
  },
};

async function hitWeir(context: Context, target: Target): Promise<Outcome> {
  const { lower } = await tradingKnee(context, target);
  if (lower === null) return notMeasured(messages.none);
  return await hit(context, target, context.rateToHold("burst", lower));
}

/** @param capacity rate of the burst */
async function hit(context: Context, target: Target, capacity: number): Promise<Outcome> {
  const normal = capacity / factor;
  const { burstNormalMs, burstMs, burstsCount } = context.profile;
  const classes = context.isWeir ? { classes: tradingClasses } : {};
  const everyMs = burstNormalMs + burstMs;
  const pieces = burstShape(
    normal,
    { perSecond: normal * factor, burstMs, everyMs },
    everyMs * burstsCount + burstNormalMs,
  );
  await context.warm(target, classes);
  context.step(textOf(messages.running, { normal: formatNumber(normal), burst: formatNumber(normal * factor) }));
  const lead = { durationMs: leadMs, fromPerSecond: normal, toPerSecond: normal };
  const connectionsCount = openConnectionsCount * 4;
  const measured = await context.run(target, {
    pieces: [lead, ...pieces],
    warmupMs: leadMs,
    connectionsCount,
    pacing: context.pacingAt(target, normal * factor),
    ...classes,
  });
  const bursts = Array.from({ length: burstsCount }, (_, index) => {
    const from = (leadMs + everyMs * index + burstNormalMs) / 1000;
    return { from, to: from + burstMs / 1000 };
  });
  return outcomeOf(context, measured, bursts, capacity);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function outcomeOf(context: Context, measured: Measured, bursts: readonly Span[], capacity: number): Outcome {
  const { points } = measured.load.series;
  const isIn = (second: number): boolean => bursts.some(({ from, to }) => second >= from && second < to);
  const inBurst = points.filter(({ second }) => isIn(second));
  // The second after a burst still holds its queue; the lead is warm-up.
  const inNormal = points.filter(({ second }) => second >= leadMs / 1000 && !isIn(second) && !isIn(second - 1));
  const normalP99 = median(inNormal.map((point) => point.latencyUsP99));
  const { errorRatio } = measured.load.summary;
  const random = context.random("burst");
  const p95 = (part: Points): Pick<Figure, "value" | "interval"> => {
    const found = columnInterval(
      part.map(({ column }) => column),
      0.95,
      { random },
    );
    return found === null
      ? { value: null, interval: null }
      : { value: msOf(found.estimate), interval: [msOf(found.low), msOf(found.high)] };
  };
  const [during, before] = [p95(inBurst), p95(inNormal)];
  const figures: Record<string, Figure> = {
    burst_ms_p95: figure(messages.p95, during.value, "ms", during),
    normal_ms_p95: figure(messages.normalP95, before.value, "ms", before),
    converge_seconds: secondsFigure(messages.converge, convergeSeconds(points, bursts, normalP99)),
    shed_ratio: figure(messages.shed, errorRatio, "ratio"),
    burst_per_second: figure(messages.rate, capacity, "req/s"),
  };
  return {
    ...emptyOutcome,
    status: measured.isVoid ? "not-measured" : "measured",
    reason: voidReason(measured),
    limiter: measured.limiter,
    figures: withHindrance(
      latencyHindrance(measured),
      { burst_ms_p95: "up", normal_ms_p95: "up", shed_ratio: "up" },
      figures,
    ),
    plots: [timePlot(measured, bursts), heatOf(measured, common.heat)],
    tables: [classTable(measured)],
    data: { run: brief(measured), bursts },
  };
}

type Points = Measured["load"]["series"]["points"];

/** Read off a series of whole seconds, it is right to a second. */
function secondsFigure(title: Text, seconds: number | null): Figure {
  return figure(title, seconds, "s", { interval: seconds === null ? null : [Math.max(0, seconds - 1), seconds + 1] });
}

/** The longest over the bursts; null where one did not converge before the next. */
function convergeSeconds(points: Points, bursts: readonly Span[], normalP99: number): number | null {
  const times = bursts.map(({ to }, index) => {
    const next = bursts[index + 1]?.from ?? Number.POSITIVE_INFINITY;
    const calm = points.find(
      ({ second, latencyUsP99 }) => second >= to && second < next && latencyUsP99 <= 2 * normalP99,
    );
    return calm === undefined ? Number.NaN : calm.second - to;
  });
  return times.length === 0 ? null : quantile(times, 1);
}

function timePlot({ load }: Measured, bursts: readonly Span[]): Plot {
  const { points } = load.series;
  const line = (read: (point: Points[number]) => number): Point[] => points.map((point) => [point.second, read(point)]);
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: common.time },
    y: { title: plainText("ms"), isLog: true },
    right: { title: common.achieved, min: 0 },
    series: [
      { name: plainText("P50"), kind: "line", points: line((point) => msOf(point.latencyUsP50)) },
      { name: plainText("P99"), kind: "line", points: line((point) => msOf(point.latencyUsP99)) },
      { name: common.achieved, kind: "line", isDashed: true, onRight: true, points: line((point) => point.answers) },
      { name: common.errors, kind: "line", isDashed: true, onRight: true, points: line((point) => point.errors) },
    ],
    marks: [
      { axis: "y", at: 15, title: plainText("I-07: 15 ms") },
      ...bursts.map(({ from }) => ({ axis: "x" as const, at: from, title: plainText("3x") })),
    ],
  };
}

function classTable({ load }: Measured): Table {
  return {
    title: messages.table,
    head: [messages.class, plainText("P50 ms"), plainText("P95 ms"), messages.shedRatio, common.errors],
    rows: load.classes.map(({ name, latencyUs, errors, errorRatio }) => [
      name,
      formatNumber(msOf(latencyUs.p50)),
      formatNumber(msOf(latencyUs.p95)),
      `${formatNumber(errorRatio * 100)} %`,
      errorsText(errors),
    ]),
  };
}
