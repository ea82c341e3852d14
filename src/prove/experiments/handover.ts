/**
 * A planned hand-over under load: every worker is replaced, several times, while requests keep coming. And a crash: a worker
 * is killed. In both every request is accounted for: answered, failed with a name, or the run says what is missing.
 */
import { defineMessages, systemClock } from "../../base/mod.ts";
import type { LoadResult } from "../../load/mod.ts";
import { type Context, openConnectionsCount } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, type Measured } from "../measure.ts";
import { emptyOutcome, figure, type Outcome, type Plot, withHindrance } from "../result.ts";
import type { Point } from "../statistics/mod.ts";
import type { OwnTarget } from "../target/mod.ts";
import { plainText, textOf } from "../text.ts";
import { type Experiment, errorsFigure, heatOf, longestFigure, msOf, steadyPart, voidReason } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "Hand-over: all workers replaced under load", zh: "切换：负载下替换全部工作进程" },
  method: {
    en: "Open loop at 30 % of the knee; the gateway is told to restart its workers several times. The hand-over is judged by clients: the longest response of any request from before the first restart to after the last (an undisturbed run of half the length is taken first and shown beside), and the number that failed. Requests that were due and neither answered nor failed would be counted as unaccounted for.",
    zh: "以拐点 30 % 的速率开环运行，期间多次令网关重启工作进程。以客户端所见评判：从首次重启前到最后一次重启后任意请求的最长响应时间（先做一半长度的无扰动运行作对照），以及失败数。到期而既未应答也未失败的请求计为下落不明。",
  },
  crashTitle: { en: "Crash: a worker is killed under load", zh: "崩溃：负载下杀死一个工作进程" },
  crashMethod: {
    en: "Open loop at 30 % of the knee; one worker is killed with SIGKILL. Requests in flight on it fail, since their connections die with it; the count and the seconds with failures are given, and every request is accounted for.",
    zh: "以拐点 30 % 的速率开环运行，用 SIGKILL 杀死一个工作进程。其上的在途请求随连接一同失败；给出失败数与出现失败的秒数，并核对每个请求的去向。",
  },
  quiet: { en: "undisturbed, for comparison", zh: "无扰动对照" },
  restarts: { en: "{count} restarts at {rate} requests/s", zh: "每秒 {rate} 时重启 {count} 次" },
  kill: { en: "a worker is killed at {rate} requests/s", zh: "每秒 {rate} 时杀死一个工作进程" },
  longest: { en: "longest response during hand-overs", zh: "切换期间最长响应时间" },
  quietLongest: { en: "longest response undisturbed", zh: "无扰动最长响应时间" },
  failed: { en: "requests failed", zh: "失败请求数" },
  unaccounted: { en: "requests unaccounted for", zh: "下落不明的请求数" },
  took: { en: "restart, from command to done (slowest)", zh: "重启用时（最慢）" },
  refused: { en: "a restart was refused", zh: "一次重启被拒绝" },
  lasting: { en: "seconds with failures", zh: "出现失败的秒数" },
  back: { en: "a worker in its place after", zh: "新工作进程就位用时" },
  plot: { en: "What do clients see around each event?", zh: "每次事件前后客户端看到什么？" },
});

const share = 0.3;
const leadMs = 2000;

export const handover: Experiment = {
  name: "handover",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ handoversCount, handoverMs }) => (1.5 * (handoversCount * handoverMs + leadMs)) / 1000 + 6,
  run: async (context) => {
    const rate = context.rateToHold("handover", (await context.capacity()) * share);
    return await context.withWeir({}, (target) => replaceWorkers(context, target, rate));
  },
};

async function replaceWorkers(context: Context, target: OwnTarget, rate: number): Promise<Outcome> {
  const { handoversCount, handoverMs } = context.profile;
  const durationMs = handoversCount * handoverMs + leadMs;
  await context.warm(target);
  context.step(messages.quiet);
  const quiet = await context.trial(target, rate, durationMs / 2);
  context.step(textOf(messages.restarts, { count: handoversCount, rate: formatNumber(rate) }));
  const events: number[] = [];
  const restarts: Promise<{ ok: boolean; tookMs: number }>[] = [];
  const measured = await runWithEvents(context, target, rate, durationMs, (second) => {
    const isDue = second * 1000 >= leadMs + events.length * handoverMs && events.length < handoversCount;
    if (!isDue) return;
    events.push(second + 1);
    restarts.push(target.restart());
  });
  const done = await Promise.all(restarts);
  const refused = done.every(({ ok }) => ok) ? null : messages.refused;
  const { summary } = measured.load;
  const random = context.random("handover");
  const tookMs = done.map((restart) => restart.tookMs);
  return {
    ...emptyOutcome,
    status: measured.isVoid || refused !== null ? "not-measured" : "measured",
    reason: refused ?? voidReason(measured),
    limiter: measured.limiter,
    figures: withHindrance(
      measured.hindrance,
      { handover_ms: "up", handover_failed: "up", unaccounted: "up" },
      {
        handover_ms: longestFigure(messages.longest, steadyPart(measured, 1).points, random),
        handover_failed: errorsFigure(messages.failed, summary.errors),
        unaccounted: figure(messages.unaccounted, unaccounted(measured.load), "count"),
        quiet_ms_max: longestFigure(messages.quietLongest, steadyPart(quiet, 0).points, random),
        restart_ms: figure(messages.took, Math.max(...tookMs), "ms", {
          interval: [Math.min(...tookMs), Math.max(...tookMs)],
        }),
      },
    ),
    plots: [timePlot(measured, events), heatOf(measured, common.heat)],
    data: { run: brief(measured), quiet: brief(quiet), restarts: done, events },
  };
}

export const crash: Experiment = {
  name: "crash",
  title: messages.crashTitle,
  method: messages.crashMethod,
  needs: "weir",
  estimateSeconds: ({ handoverMs }) => (handoverMs + leadMs) / 1000 + 10,
  run: async (context) => {
    const rate = context.rateToHold("crash", (await context.capacity()) * share);
    const workersCount = Math.max(2, context.options.workersCount);
    return await context.withWeir({ workersCount }, (target) => killWorker(context, target, rate));
  },
};

async function killWorker(context: Context, target: OwnTarget, rate: number): Promise<Outcome> {
  await context.warm(target);
  context.step(textOf(messages.kill, { rate: formatNumber(rate) }));
  const [victim] = await target.workerIds();
  const events: number[] = [];
  let back: Promise<number> = Promise.resolve(Number.NaN);
  const measured = await runWithEvents(context, target, rate, context.profile.handoverMs + 4000, (second) => {
    if (events.length > 0 || second * 1000 < leadMs) return;
    events.push(second + 1);
    target.kill(victim!);
    back = replacedMs(target, victim!);
  });
  const { summary, series } = measured.load;
  return {
    ...emptyOutcome,
    status: measured.isVoid ? "not-measured" : "measured",
    reason: voidReason(measured),
    limiter: measured.limiter,
    figures: withHindrance(
      measured.hindrance,
      { crash_failed: "up", crash_unaccounted: "up", crash_seconds: "up" },
      {
        crash_failed: errorsFigure(messages.failed, summary.errors),
        crash_unaccounted: figure(messages.unaccounted, unaccounted(measured.load), "count"),
        crash_seconds: figure(messages.lasting, series.points.filter(({ errors }) => errors > 0).length, "s"),
        crash_replaced_ms: figure(messages.back, await back, "ms"),
      },
    ),
    plots: [timePlot(measured, events)],
    data: { run: brief(measured), events },
  };
}

/** Until as many workers as before serve without the one that was killed. */
async function replacedMs(target: OwnTarget, victim: number): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  const limitMs = 20_000;
  while (systemClock.monotonicMs() - beganMs < limitMs) {
    const ids = await target.workerIds();
    if (ids.length >= target.workersCount && !ids.includes(victim)) return systemClock.monotonicMs() - beganMs;
    await Bun.sleep(2);
  }
  return Number.NaN;
}

async function runWithEvents(
  context: Context,
  target: OwnTarget,
  rate: number,
  durationMs: number,
  onSecond: (second: number) => void,
): Promise<Measured> {
  const warmupMs = 1000;
  return await context.run(
    target,
    {
      ratePerSecond: Math.round(rate),
      durationMs: durationMs + warmupMs,
      warmupMs,
      connectionsCount: openConnectionsCount,
      pacing: context.pacingAt(target, rate),
    },
    { onSecond: ({ second }) => onSecond(second) },
  );
}

/** Requests that were due in the measured time and have neither an answer nor an error with a name. */
function unaccounted({ classes }: LoadResult): number {
  return classes.reduce((sum, { scheduled, requests }) => sum + Math.max(0, scheduled - requests), 0);
}

function timePlot({ load }: Measured, events: readonly number[]): Plot {
  const { points } = load.series;
  const line = (read: (point: (typeof points)[number]) => number): Point[] =>
    points.map((point) => [point.second, read(point)]);
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: common.time },
    y: { title: plainText("ms"), isLog: true },
    right: { title: common.achieved, min: 0 },
    series: [
      { name: plainText("P50"), kind: "line", points: line((point) => msOf(point.latencyUsP50)) },
      { name: plainText("P99"), kind: "line", points: line((point) => msOf(point.latencyUsP99)) },
      { name: plainText("max"), kind: "line", points: line((point) => msOf(point.latencyUsMax)) },
      { name: common.achieved, kind: "line", isDashed: true, onRight: true, points: line((point) => point.answers) },
      { name: common.errors, kind: "line", isDashed: true, onRight: true, points: line((point) => point.errors) },
    ],
    marks: events.map((at) => ({ axis: "x" as const, at, title: plainText("↯") })),
  };
}
