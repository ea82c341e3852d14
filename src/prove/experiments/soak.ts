/**
 * The soak: a fixed rate, held. It is asked whether every request was answered, whether anything grows, and what the
 * error-free count allows to be said. Where the machine cannot give the rate asked for, a short trial finds that out and the
 * soak holds what it can, as evidence of steadiness; the verdict is about the rate asked for.
 */
import { defineMessages, systemClock } from "../../base/mod.ts";
import type { ErrorCounts, LoadSummary } from "../../load/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { readUse } from "../machine/mod.ts";
import { brief, type Measured } from "../measure.ts";
import { emptyOutcome, type Figure, figure, type Outcome, withHindrance } from "../result.ts";
import { type Point, ratioUpperBound, theilSen } from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";
import { defectsOf } from "./defects.ts";
import {
  type Experiment,
  errorsFigure,
  heatOf,
  msOf,
  percentileFigure,
  steadyNotes,
  steadyPart,
  voidReason,
} from "./experiment.ts";
import { common } from "./messages.ts";
import { percentilePlot, type Sample, timePlots } from "./soak-plots.ts";
import { alone, takes, together, type Way } from "./ways.ts";

const messages = defineMessages({
  title: { en: "Soak: a fixed rate, held without error", zh: "浸泡：以固定速率长时间无错误运行" },
  method: {
    en: "Open loop at a fixed rate; every request is timed from when it was due. A trial of a few seconds asks first whether the rate can be given at all: over HTTP/1.1 with one request at a time on each of 256 connections, and if not so over HTTP/2 with up to 32 at a time on each of 8. If neither can, the soak holds 80 % of the knee over HTTP/1.1 instead. Which it was is said. Warm-up is cut by MSER-5. No error in n requests is printed as an upper bound (rule of three). Growth of memory, descriptors and P99 over the second half of the run is a Theil-Sen slope with Mann-Kendall's test; memory growth is divided by the requests, so that a leak shows as bytes per request.",
    zh: "以固定速率开环运行；每个请求自应发时刻计时。先用几秒的试验确认该速率能否达到：先用 HTTP/1.1，256 个连接、每个连接一次一个请求；若不能，再用 HTTP/2，8 个连接、每个连接最多 32 个并发请求。若两者都不能，则以 HTTP/1.1 按拐点的 80 % 运行。结果中会注明实际方式。热身用 MSER-5 截去。n 个请求零错误以上界给出（三分法则）。后半程内存、描述符与 P99 的增长用 Theil-Sen 斜率和 Mann-Kendall 检验；内存增长除以请求数，泄漏即显示为每请求字节数。",
  },
  trial: {
    en: "trial at {rate} requests/s over {way}: {achieved} answered per second",
    zh: "以每秒 {rate} 经 {way} 试验：每秒应答 {achieved}",
  },
  holding: {
    en: "holding {rate} requests/s for {seconds} s over {way}",
    zh: "经 {way} 以每秒 {rate} 持续 {seconds} 秒",
  },
  held: { en: "the rate was held over {way}", zh: "速率经 {way} 保持" },
  notOver: {
    en: "over {way} {achieved}/s were answered when {asked}/s were asked for: {limiter}",
    zh: "经 {way} 请求每秒 {asked} 时仅应答每秒 {achieved}：{limiter}",
  },
  rate: { en: "rate held", zh: "保持的速率" },
  errors: { en: "failed requests", zh: "失败请求数" },
  bound: { en: "failure ratio at most (95 %)", zh: "失败率上界（95 %）" },
  achieved: { en: "share of the schedule answered in time", zh: "按时应答比例" },
  p50: { en: "P50", zh: "P50" },
  p99: { en: "P99", zh: "P99" },
  p9999: { en: "P99.99", zh: "P99.99" },
  leak: { en: "memory growth per request", zh: "每请求内存增长" },
  memorySlope: { en: "memory slope", zh: "内存斜率" },
  descriptorSlope: { en: "descriptor slope", zh: "描述符斜率" },
  latencySlope: { en: "P99 slope", zh: "P99 斜率" },
  seconds: { en: "time held", zh: "持续时间" },
  cutShort: {
    en: "interrupted after {seconds} of {asked} s; the figures are of that time",
    zh: "在 {asked} 秒中的第 {seconds} 秒被中断；数据为该段时间的",
  },
  short: {
    en: "a slope per hour needs ten minutes; this run held {seconds} s",
    zh: "每小时斜率需要至少十分钟；本次仅 {seconds} 秒",
  },
  lower: {
    en: "the rate asked for, {asked}/s, cannot be given here ({achieved}/s were answered); the soak held {held}/s instead",
    zh: "本机无法达到所要求的每秒 {asked}（仅应答 {achieved}）；改以每秒 {held} 浸泡",
  },
});

const trialMs = 2000;
/** One short trial may be unlucky, and a soak is long; but what is far off does not get there by luck. */
const trialsMax = 3;
const farOffRatio = 0.8;
const warmupMs = 1000;
/**
 * The generator may be held up for so long without spoiling a soak: what was due meanwhile is sent all the same and timed from
 * its due, so nothing is hidden by it, and within an hour a virtual machine stands still at least once.
 */
const generatorStallMsMax = 1000;
/** What is due at the end is sent all the same: a machine that stands still in the last minute leaves seconds of it behind. */
const drainMs = 10_000;
/** What a late generator can only make worse; memory and slopes it may move either way. */
const bends = {
  soak_per_second: "down",
  soak_achieved_ratio: "down",
  soak_errors: "up",
  soak_error_ratio_bound: "up",
  soak_ms_p50: "up",
  soak_ms_p99: "up",
  soak_ms_p9999: "up",
} as const;
const heldShare = 0.8;
const achievedMin = 0.99;
const slopeSecondsMin = 600;
const samplesMax = 300;

export const soak: Experiment = {
  name: "soak",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: (profile) => profile.soakMs / 1000 + (2 * trialMs) / 1000 + 12,
  run: (context) => context.withTarget({}, (target) => hold(context, target)),
};

interface Trial {
  readonly way: Way;
  readonly measured: Measured;
  readonly isGiven: boolean;
}

async function hold(context: Context, target: Target): Promise<Outcome> {
  const asked = context.options.soakPerSecond;
  const trials = await tryWays(context, target, asked);
  const given = trials.find(({ isGiven }) => isGiven) ?? null;
  const { way } = given ?? trials[0]!;
  const rate = given !== null ? asked : Math.min(asked, (await context.capacity()) * heldShare);
  const seconds = context.profile.soakMs / 1000;
  context.step(textOf(messages.holding, { rate: formatNumber(rate), seconds, way: way.name }));
  const { measured, samples } = await holdRate(context, target, rate, way);
  // What kept the rate asked for out of reach is the limiter of the verdict.
  const most = trials.reduce((best, each) => (answeredOf(each) > answeredOf(best) ? each : best));
  const values = { asked: formatNumber(asked), achieved: formatNumber(answeredOf(most)), held: formatNumber(rate) };
  const lower = given !== null ? null : textOf(messages.lower, values);
  const heldSeconds = Math.round(measured.load.summary.measuredSeconds);
  const outcome = outcomeOf(context, measured, samples, heldSeconds, lower);
  const isCut = context.options.signal.aborted;
  const cutShort = isCut ? textOf(messages.cutShort, { seconds: heldSeconds, asked: seconds }) : null;
  const elsewhere = voidReason(most.measured) ?? most.measured.hindrance;
  return {
    ...outcome,
    status: measured.isVoid || isCut ? "not-measured" : "measured",
    limiter: given !== null ? measured.limiter : most.measured.limiter,
    reason: cutShort ?? voidReason(measured) ?? (given !== null ? null : elsewhere),
    notes: [
      textOf(messages.held, { way: way.name }),
      ...trials.filter(({ isGiven }) => !isGiven).map((trial) => notOver(trial, asked)),
      ...outcome.notes,
    ],
  };
}

const answeredOf = ({ measured }: Trial): number => measured.load.summary.requestsPerSecond;

function notOver(trial: Trial, asked: number): Text {
  const { name: way } = trial.way;
  const rates = { asked: formatNumber(asked), achieved: formatNumber(answeredOf(trial)) };
  return textOf(messages.notOver, { way, ...rates, limiter: trial.measured.limiter });
}

/** Tries one way after the other until one gives the rate; the best trial of each that was tried. */
async function tryWays(context: Context, target: Target, asked: number): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const way of [alone, together]) {
    if (way !== alone && !(await takes(context, target, way))) break;
    await context.warm(target, way.load);
    const trial = await tryRate(context, target, asked, way);
    trials.push(trial);
    if (trial.isGiven) break;
  }
  return trials;
}

async function tryRate(context: Context, target: Target, asked: number, way: Way): Promise<Trial> {
  let best: Trial | null = null;
  for (let index = 1; ; index++) {
    const measured = await context.atRate(target, asked, trialMs, way.load);
    const { requestsPerSecond, achievedRatio } = measured.load.summary;
    const values = { rate: formatNumber(asked), achieved: formatNumber(requestsPerSecond), way: way.name };
    context.step(textOf(messages.trial, values));
    const isGiven = (achievedRatio ?? 0) >= achievedMin && !measured.isVoid;
    if (best === null || requestsPerSecond > answeredOf(best) || isGiven) best = { way, measured, isGiven };
    if (isGiven || index === trialsMax || requestsPerSecond < asked * farOffRatio) return best;
  }
}

async function holdRate(
  context: Context,
  target: Target,
  rate: number,
  way: Way,
): Promise<{ measured: Measured; samples: Sample[] }> {
  const ids = await target.workerIds();
  const samples: Sample[] = [];
  const { soakMs } = context.profile;
  const everyMs = Math.max(250, Math.min(1000, soakMs / 60));
  const lengths = { durationMs: soakMs + warmupMs, warmupMs };
  let timer: Timer | null = null;
  const begin = (): void => {
    const beganMs = systemClock.monotonicMs();
    timer = setInterval(() => {
      const second = (systemClock.monotonicMs() - beganMs) / 1000;
      // After its end connections are closing.
      const use = second * 1000 <= lengths.durationMs ? readUse(ids, true) : null;
      if (use !== null) samples.push({ second, bytes: use.residentBytes, descriptors: use.descriptors });
    }, everyMs);
  };
  const health = { stallMsMax: generatorStallMsMax };
  const more = { ...lengths, ...way.load, drainMs, health };
  const pacing = context.pacingAt(target, rate);
  const input = { ratePerSecond: Math.round(rate), pacing, ...more };
  const measured = await context
    .runToInterrupt(target, input, { onStart: begin })
    .finally(() => clearInterval(timer ?? undefined));
  return { measured, samples: thinned(samples) };
}

/** Every n-th: an hour's samples would fill the report without showing more. */
function thinned(samples: readonly Sample[]): Sample[] {
  const step = Math.ceil(samples.length / samplesMax);
  return samples.filter((_, index) => index % step === 0);
}

function outcomeOf(
  context: Context,
  measured: Measured,
  samples: readonly Sample[],
  seconds: number,
  lower: Text | null,
): Outcome {
  const { summary, series } = measured.load;
  const { errors, requests } = context.options.signal.aborted ? withoutUnsent(summary) : summary;
  const points = series.points.filter(({ second }) => second >= 1);
  const steady = steadyPart(measured, warmupMs / 1000);
  const random = context.random("soak");
  const grown = growth(samples, points, seconds, summary.requestsPerSecond);
  const defects = defectsOf({
    requests,
    errors,
    leakBytesPerRequest: grown["leak_bytes_per_request"]!.value,
    p50Ms: msOf(summary.latencyUs.p50),
    p99Ms: msOf(summary.latencyUs.p99),
  });
  const held = [...defects, ...steadyNotes(steady)];
  const figures: Record<string, Figure> = {
    soak_per_second: figure(messages.rate, heldRate(summary), "req/s", { reason: lower }),
    soak_seconds: figure(messages.seconds, seconds, "s"),
    soak_errors: errorsFigure(messages.errors, errors),
    soak_error_ratio_bound: figure(messages.bound, ratioUpperBound(errors.total, requests), "ratio"),
    soak_achieved_ratio: figure(messages.achieved, summary.achievedRatio, "ratio"),
    soak_ms_p50: percentileFigure(messages.p50, steady.points, 0.5, random),
    soak_ms_p99: percentileFigure(messages.p99, steady.points, 0.99, random),
    soak_ms_p9999: percentileFigure(messages.p9999, steady.points, 0.9999, random),
    ...grown,
  };
  return {
    ...emptyOutcome,
    limiter: measured.limiter,
    figures: withHindrance(measured.hindrance, bends, figures),
    notes: held,
    plots: [...timePlots(measured, samples), percentilePlot(measured), heatOf(measured, common.heat)],
    data: {
      run: brief(measured),
      samples,
      cutSeconds: steady.cutSeconds,
      series: points.map(({ column: _column, ...rest }) => rest),
    },
  };
}

/** What an interrupt found due and not yet sent is its own doing, and no failure. */
function withoutUnsent({ errors, requests }: LoadSummary): Pick<LoadSummary, "errors" | "requests"> {
  const { unsent = 0, ...others } = errors as ErrorCounts & { readonly unsent?: number };
  return { errors: { ...others, total: errors.total - unsent }, requests: requests - unsent };
}

/** The rate asked for where practically all of it was answered: arrivals in whole requests are never exactly on it. */
function heldRate({ targetPerSecond, achievedRatio, requestsPerSecond }: Measured["load"]["summary"]): number {
  return targetPerSecond !== null && (achievedRatio ?? 0) >= 0.999 ? targetPerSecond : requestsPerSecond;
}

/** Growth over the second half, when caches are warm and the compiler is done. */
function growth(
  samples: readonly Sample[],
  points: readonly { readonly second: number; readonly latencyUsP99: number }[],
  seconds: number,
  perSecond: number,
): Record<string, Figure> {
  const late = samples.filter(({ second }) => second >= seconds / 2);
  const memory = theilSen(late.map(({ second, bytes }): Point => [second, bytes]));
  const grows = memory?.isSignificant === true && memory.slope > 0;
  const perRequest = (slope: number): number => slope / Math.max(1, perSecond);
  const leak = memory === null ? null : grows ? perRequest(memory.slope) : 0;
  const reason = textOf(messages.short, { seconds });
  const perHour = (title: Text, values: readonly Point[]): Figure => {
    const trend = seconds < slopeSecondsMin ? null : theilSen(values);
    const first = values[0]?.[1] ?? 0;
    if (trend === null || first === 0) return figure(title, null, "%/h", { reason });
    const percent = (slope: number): number => (slope * 3600 * 100) / first;
    const interval = [percent(trend.low), percent(trend.high)] as const;
    return figure(title, trend.isSignificant ? percent(trend.slope) : 0, "%/h", { interval });
  };
  return {
    leak_bytes_per_request: figure(messages.leak, leak, "B", {
      interval: memory === null ? null : [Math.min(0, perRequest(memory.low)), Math.max(0, perRequest(memory.high))],
      reason: leak === null ? common.unseen : null,
    }),
    memory_slope: perHour(
      messages.memorySlope,
      late.map(({ second, bytes }) => [second, bytes]),
    ),
    descriptor_slope: perHour(
      messages.descriptorSlope,
      late.map(({ second, descriptors }) => [second, descriptors]),
    ),
    latency_slope: perHour(
      messages.latencySlope,
      points.filter(({ second }) => second >= seconds / 2).map(({ second, latencyUsP99 }) => [second, latencyUsP99]),
    ),
  };
}
