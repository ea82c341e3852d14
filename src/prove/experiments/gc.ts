/**
 * Pauses of the runtime's collector with very many connections under load: the runtime's own log says how long each one held
 * the worker, and the workers' late timers say whether that is all there was.
 */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief } from "../measure.ts";
import { emptyOutcome, figure, notMeasured, type Outcome, type Plot } from "../result.ts";
import { quantile } from "../statistics/mod.ts";
import { type OwnTarget, percentileBetween } from "../target/mod.ts";
import { textOf } from "../text.ts";
import { type CrowdSize, crowdSize, missingConnections, runCrowd } from "./crowd.ts";
import { type Experiment, msOf, voidReason } from "./experiment.ts";

const messages = defineMessages({
  title: { en: "Collector pauses at 100,000 connections", zh: "100,000 连接下的垃圾回收停顿" },
  method: {
    en: "The gateway runs with the runtime's collector log (BUN_JSC_logGC=1), and 100,000 connections are used in turn at 40 % of the knee. Every pause that workers log in the measured time counts; those of the warm-up do not. Beside it stands the P99 of the event loop's lateness from the gateway's own metrics: a stall that no pause explains has another cause, such as waiting for a processor.",
    zh: "网关启用运行时回收日志（BUN_JSC_logGC=1），以拐点 40 % 的速率轮流使用 100,000 个连接。测量期间工作进程记录的每次停顿都计入，热身期间的不计。旁列网关自身指标中事件循环迟到的 P99：若停顿不能解释的卡顿，则另有原因，例如等待处理器。",
  },
  p99: { en: "pause, P99", zh: "停顿 P99" },
  max: { en: "pause, longest", zh: "最长停顿" },
  count: { en: "pauses", zh: "停顿次数" },
  share: { en: "share of the workers' time in pauses", zh: "停顿占工作进程时间比例" },
  stall: { en: "event loop late, P99 (metrics)", zh: "事件循环迟到 P99（指标）" },
  latency: { en: "P99 of requests meanwhile", zh: "期间请求 P99" },
  holding: { en: "{count} connections over {workers} workers", zh: "{count} 个连接，{workers} 个工作进程" },
  none: { en: "no pause was logged in the measured time", zh: "测量期间未记录到停顿" },
  plot: { en: "How long are the pauses?", zh: "停顿有多长？" },
  pauses: { en: "pauses", zh: "停顿次数" },
  length: { en: "pause (ms)", zh: "停顿（毫秒）" },
});

const crowdCount = 100_000;
const crowdShare = 0.4;

export const gc: Experiment = {
  name: "gc",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ collectorMs }) => collectorMs / 1000 + 16,
  run: async (context) => {
    const size = crowdSize(context, crowdCount);
    if (!("count" in size)) return notMeasured(size);
    const capacity = await context.capacity();
    const options = { ...size.options, logsCollector: true };
    return await context.withWeir(options, (target) => watch(context, target, size, capacity * crowdShare));
  },
};

async function watch(context: Context, target: OwnTarget, size: CrowdSize, perSecond: number): Promise<Outcome> {
  await context.warm(target);
  context.step(textOf(messages.holding, { count: formatNumber(size.count), workers: target.workersCount }));
  let from = target.collectorPausesMs.length;
  let seconds = 0;
  let before = await target.metrics();
  const measured = await runCrowd(context, target, size, perSecond, context.profile.collectorMs, () => {
    seconds += 1;
    if (seconds > 2) return;
    // What happened until the warm-up ends is not part of the figure.
    from = target.collectorPausesMs.length;
    void target.metrics().then((values) => {
      before = values;
    });
  });
  const after = await target.metrics();
  const pauses = target.collectorPausesMs.slice(from);
  const data = { pauses, run: brief(measured) };
  const reason = missingConnections(measured, size.count) ?? voidReason(measured);
  if (reason !== null) return notMeasured(reason, { data, limiter: measured.limiter });
  const stall =
    before === null || after === null ? null : percentileBetween(before, after, "weir_event_loop_stall_seconds", 99);
  const total = pauses.reduce((sum, ms) => sum + ms, 0);
  const none = pauses.length === 0 ? messages.none : null;
  return {
    ...emptyOutcome,
    limiter: measured.limiter,
    figures: {
      pause_ms_p99: figure(messages.p99, pauses.length === 0 ? null : quantile(pauses, 0.99), "ms", { reason: none }),
      pause_ms_max: figure(messages.max, pauses.length === 0 ? null : Math.max(...pauses), "ms", { reason: none }),
      pause_count: figure(messages.count, pauses.length, "count"),
      pause_ratio: figure(messages.share, total / (context.profile.collectorMs * target.workersCount), "ratio"),
      stall_ms_p99: figure(messages.stall, stall === null ? null : stall * 1000, "ms"),
      crowd_ms_p99: figure(messages.latency, msOf(measured.load.summary.latencyUs.p99), "ms"),
    },
    plots: pauses.length === 0 ? [] : [pausePlot(pauses)],
    data,
  };
}

const bounds = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

function pausePlot(pauses: readonly number[]): Plot {
  const counts = [...bounds, Number.POSITIVE_INFINITY].map(
    (bound, index) => pauses.filter((ms) => ms <= bound && ms > (bounds[index - 1] ?? -1)).length,
  );
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: messages.length, categories: [...bounds.map((bound) => `≤ ${bound}`), "> 100"] },
    y: { title: messages.pauses, min: 0 },
    series: [{ name: messages.pauses, kind: "bars", points: counts.map((count, index) => [index, count]) }],
    marks: [],
  };
}
