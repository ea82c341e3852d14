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
import type { Target } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";
import { defectsOf } from "./defects.ts";
import {
  boundFigure,
  type Experiment,
  errorsFigure,
  heatOf,
  msOf,
  percentileFigure,
  steadyNotes,
  steadyPart,
  voidReason,
} from "./experiment.ts";
import { type Grown, growthFigures, isLeak, leakOf, slopeSecondsMin } from "./growth.ts";
import { common } from "./messages.ts";
import { percentilePlot, type Sample, timePlots } from "./soak-plots.ts";
import { alone, takes, together, type Way } from "./ways.ts";

const messages = defineMessages({
  title: { en: "Soak: a fixed rate, held without error", zh: "浸泡：以固定速率长时间无错误运行" },
  method: {
    en: "Open loop at a fixed rate; every request is timed from when it was due. Trials of a few seconds ask first whether the rate can be given at all: over HTTP/1.1 with one request at a time on each of 256 connections, and if not so over HTTP/2 with up to 32 at a time on each of 8; with a tenth more than the rate, for a machine is not equally fast from minute to minute, and without that room only if neither way has it. If neither can, the soak holds 80 % of the knee over HTTP/1.1 instead. Which it was is said. Warm-up is cut by MSER-5. No error in n requests is printed as an upper bound (rule of three). Growth of memory, descriptors and P99 over the second half of the run is a Theil-Sen slope with Mann-Kendall's test; memory growth is divided by the requests, so that a leak shows as bytes per request. Where a run of less than ten minutes shows one, the rate is held on for a third of the time, and what memory does then counts: a heap that fills until its collector looks at it, or a compiler that is not done, stops growing; a leak does not.",
    zh: "以固定速率开环运行；每个请求自应发时刻计时。先用几秒的试验确认该速率能否达到：先用 HTTP/1.1，256 个连接、每个连接一次一个请求；若不能，再用 HTTP/2，8 个连接、每个连接最多 32 个并发请求；试验速率先取所要求速率的 1.1 倍（机器的速度随时间变化），两者都没有余量时才取该速率本身。若两者都不能，则以 HTTP/1.1 按拐点的 80 % 运行。结果中会注明实际方式。热身用 MSER-5 截去。n 个请求零错误以上界给出（三分法则）。后半程内存、描述符与 P99 的增长用 Theil-Sen 斜率和 Mann-Kendall 检验；内存增长除以请求数，泄漏即显示为每请求字节数。短于十分钟的运行若显示增长，则以同样速率再持续三分之一时长，并以其间的内存变化为准：等待回收的堆或尚未完成的编译会停止增长，泄漏则不会。",
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
  seconds: { en: "time held", zh: "持续时间" },
  cutShort: {
    en: "interrupted after {seconds} of {asked} s; the figures are of that time",
    zh: "在 {asked} 秒中的第 {seconds} 秒被中断；数据为该段时间的",
  },
  confirming: {
    en: "memory grew by {bytes} bytes a request; holding on for {seconds} s to see whether it goes on",
    zh: "每请求内存增长 {bytes} 字节；再持续 {seconds} 秒以确认是否继续增长",
  },
  confirmed: {
    en: "memory grew by {first} bytes a request, so the rate was held for {seconds} s more: there it grew by {second}, which is what counts",
    zh: "每请求内存增长 {first} 字节，因此再持续 {seconds} 秒：其间增长 {second} 字节，以此为准",
  },
  lower: {
    en: "the rate asked for, {asked}/s, cannot be given here ({achieved}/s were answered); the soak held {held}/s instead",
    zh: "本机无法达到所要求的每秒 {asked}（仅应答 {achieved}）；改以每秒 {held} 浸泡",
  },
});

const trialMs = 2000;
/** A machine is not equally fast from minute to minute: a way that carries this much of the rate asked for is taken first. */
const roomRatio = 1.1;
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
/** Of a soak's time: how long it goes on where memory grew. */
const againRatio = 1 / 3;
const achievedMin = 0.99;
const samplesMax = 300;

export const soak: Experiment = {
  name: "soak",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: (profile) => profile.soakMs / 1000 + (2 * trialMs) / 1000 + 12,
  run: (context) => context.withTarget({ hasOwnCores: true }, (target) => hold(context, target)),
};

interface Trial {
  readonly way: Way;
  /** Asked for, per second. */
  readonly rate: number;
  readonly measured: Measured;
  readonly isGiven: boolean;
}

async function hold(context: Context, target: Target): Promise<Outcome> {
  const asked = context.options.soakPerSecond;
  const trials = await tryWays(context, target, asked);
  const given = trials.find(({ isGiven }) => isGiven) ?? null;
  const { way } = given ?? trials[0]!;
  const lowered = async (): Promise<number> => Math.min(asked, (await context.capacity()) * heldShare);
  const rate = given !== null ? asked : context.rateToHold("soak", await lowered());
  const seconds = context.profile.soakMs / 1000;
  context.step(textOf(messages.holding, { rate: formatNumber(rate), seconds, way: way.name }));
  const first = await holdRate(context, target, rate, way, context.profile.soakMs);
  const { measured } = first;
  const isCut = context.options.signal.aborted;
  const again = await confirmGrowth(context, target, rate, way, first);
  // What kept the rate asked for out of reach is the limiter of the verdict.
  const most =
    given ??
    trials
      .filter((trial) => trial.rate === asked)
      .reduce((best, each) => (answeredOf(each) > answeredOf(best) ? each : best));
  const values = { asked: formatNumber(asked), achieved: formatNumber(answeredOf(most)), held: formatNumber(rate) };
  const lower = given !== null ? null : textOf(messages.lower, values);
  const heldSeconds = Math.round(measured.load.summary.measuredSeconds);
  const outcome = outcomeOf(context, first, again, heldSeconds, lower);
  const cutShort = isCut ? textOf(messages.cutShort, { seconds: heldSeconds, asked: seconds }) : null;
  const elsewhere = voidReason(most.measured) ?? most.measured.hindrance;
  return {
    ...outcome,
    status: measured.isVoid || isCut ? "not-measured" : "measured",
    limiter: given !== null ? measured.limiter : most.measured.limiter,
    reason: cutShort ?? voidReason(measured) ?? (given !== null ? null : elsewhere),
    notes: [
      textOf(messages.held, { way: way.name }),
      ...trials.filter(({ isGiven }) => !isGiven).map(notOver),
      ...outcome.notes,
    ],
  };
}

const answeredOf = ({ measured }: Trial): number => measured.load.summary.requestsPerSecond;

function notOver(trial: Trial): Text {
  const { name: way } = trial.way;
  const rates = { asked: formatNumber(trial.rate), achieved: formatNumber(answeredOf(trial)) };
  return textOf(messages.notOver, { way, ...rates, limiter: trial.measured.limiter });
}

/** Tries one way after the other until one gives the rate, with room first; the best trial of each that was tried. */
async function tryWays(context: Context, target: Target, asked: number): Promise<Trial[]> {
  const trials: Trial[] = [];
  const ways: Way[] = [];
  for (const way of [alone, together]) {
    if (way !== alone && !(await takes(context, target, way))) break;
    await context.warm(target, way.load);
    trials.push(await tryRate(context, target, asked * roomRatio, way, 1));
    if (trials.at(-1)!.isGiven) return trials;
    ways.push(way);
  }
  for (const way of ways) {
    trials.push(await tryRate(context, target, asked, way, trialsMax));
    if (trials.at(-1)!.isGiven) break;
  }
  return trials;
}

async function tryRate(context: Context, target: Target, rate: number, way: Way, timesMax: number): Promise<Trial> {
  let best: Trial | null = null;
  for (let index = 1; ; index++) {
    const measured = await context.atRate(target, rate, trialMs, way.load);
    const { requestsPerSecond, achievedRatio } = measured.load.summary;
    const values = { rate: formatNumber(rate), achieved: formatNumber(requestsPerSecond), way: way.name };
    context.step(textOf(messages.trial, values));
    const isGiven = (achievedRatio ?? 0) >= achievedMin && !measured.isVoid;
    if (best === null || requestsPerSecond > answeredOf(best) || isGiven) best = { way, rate, measured, isGiven };
    if (isGiven || index === timesMax || requestsPerSecond < rate * farOffRatio) return best;
  }
}

interface Held {
  readonly measured: Measured;
  readonly samples: readonly Sample[];
}

/** Where memory seems to leak: the rate held on, and what memory did then; else null. */
async function confirmGrowth(
  context: Context,
  target: Target,
  rate: number,
  way: Way,
  held: Held,
): Promise<Held | null> {
  const grown = grownIn(held);
  const leak = leakOf(grown) ?? 0;
  if (!isLeak(leak, held.measured.load.summary.requests)) return null;
  if (grown.seconds >= slopeSecondsMin || context.options.signal.aborted) return null;
  const ms = Math.round(context.profile.soakMs * againRatio);
  context.step(textOf(messages.confirming, { bytes: formatNumber(leak), seconds: ms / 1000 }));
  const again = await holdRate(context, target, rate, way, ms);
  return context.options.signal.aborted ? null : again;
}

function grownIn({ measured: { load }, samples }: Held): Grown {
  const seconds = Math.round(load.summary.measuredSeconds);
  const points = load.series.points.filter(({ second }) => second >= 1);
  return { samples, points, seconds, perSecond: load.summary.requestsPerSecond };
}

async function holdRate(context: Context, target: Target, rate: number, way: Way, ms: number): Promise<Held> {
  const ids = await target.workerIds();
  const samples: Sample[] = [];
  const everyMs = Math.max(100, Math.min(1000, ms / 60));
  const lengths = { durationMs: ms + warmupMs, warmupMs };
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

function outcomeOf(context: Context, held: Held, again: Held | null, seconds: number, lower: Text | null): Outcome {
  const { measured, samples } = held;
  const { summary } = measured.load;
  const { errors, requests } = countedIn(context, summary, again?.measured.load.summary ?? null);
  const grown = grownIn(held);
  const points = measured.load.series.points.filter(({ second }) => second >= 1);
  const steady = steadyPart(measured, warmupMs / 1000);
  const random = context.random("soak");
  const leak = again === null ? null : grownIn(again);
  const growth = growthFigures(grown, leak ?? grown);
  const defects = defectsOf({
    requests,
    errors,
    leakBytesPerRequest: growth["leak_bytes_per_request"]!.value,
    p50Ms: msOf(summary.latencyUs.p50),
    p99Ms: msOf(summary.latencyUs.p99),
  });
  const confirmed = leak === null ? [] : [confirmedNote(grown, leak)];
  const figures: Record<string, Figure> = {
    soak_per_second: figure(messages.rate, heldRate(summary), "req/s", { reason: lower }),
    soak_seconds: figure(messages.seconds, seconds, "s"),
    soak_errors: errorsFigure(messages.errors, errors),
    soak_error_ratio_bound: boundFigure(messages.bound, errors.total, requests),
    soak_achieved_ratio: figure(messages.achieved, summary.achievedRatio, "ratio"),
    soak_ms_p50: percentileFigure(messages.p50, steady.points, 0.5, random),
    soak_ms_p99: percentileFigure(messages.p99, steady.points, 0.99, random),
    soak_ms_p9999: percentileFigure(messages.p9999, steady.points, 0.9999, random),
    ...growth,
  };
  return {
    ...emptyOutcome,
    limiter: measured.limiter,
    figures: withHindrance(measured.hindrance, bends, figures),
    notes: [...defects, ...confirmed, ...steadyNotes(steady)],
    plots: [...timePlots(measured, samples), percentilePlot(measured), heatOf(measured, common.heat)],
    data: {
      run: brief(measured),
      samples,
      samplesAgain: again?.samples ?? [],
      cutSeconds: steady.cutSeconds,
      series: points.map(({ column: _column, ...rest }) => rest),
    },
  };
}

function confirmedNote(first: Grown, second: Grown): Text {
  const [before, after] = [leakOf(first) ?? 0, leakOf(second) ?? 0].map(formatNumber);
  return textOf(messages.confirmed, { first: before!, second: after!, seconds: second.seconds });
}

type Counted = Pick<LoadSummary, "errors" | "requests">;

/** Requests and failures: of the whole time that the rate was held, so that none is lost to a second look. */
function countedIn(context: Context, summary: LoadSummary, again: LoadSummary | null): Counted {
  if (context.options.signal.aborted) return withoutUnsent(summary);
  if (again === null) return summary;
  const errors: Record<string, number> & { total: number } = { ...summary.errors };
  for (const [kind, count] of Object.entries(again.errors)) errors[kind] = (errors[kind] ?? 0) + count;
  return { errors, requests: summary.requests + again.requests };
}

/** What an interrupt found due and not yet sent is its own doing, and no failure. */
function withoutUnsent({ errors, requests }: LoadSummary): Counted {
  const { unsent = 0, ...others } = errors as ErrorCounts & { readonly unsent?: number };
  return { errors: { ...others, total: errors.total - unsent }, requests: requests - unsent };
}

/** The rate asked for where practically all of it was answered: arrivals in whole requests are never exactly on it. */
function heldRate({ targetPerSecond, achievedRatio, requestsPerSecond }: Measured["load"]["summary"]): number {
  return targetPerSecond !== null && (achievedRatio ?? 0) >= 0.999 ? targetPerSecond : requestsPerSecond;
}
