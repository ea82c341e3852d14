/**
 * The knee: the largest rate that is answered without errors and with P99 within 10 ms. Three ways lead to it, so that one
 * can contradict another: a search against the goal (the figure), the bend of the latency curve (Kneedle), and the peak of
 * the scalability law fitted to a closed loop (USL).
 */
import { defineMessages, type Random } from "../../base/mod.ts";
import { type Context, latencyGoalUs, type RateTrial, type SearchLimits, trialOutcome } from "../context.ts";
import { formatNumber } from "../format.ts";
import type { Measured } from "../measure.ts";
import { emptyOutcome, type Figure, figure, notMeasured, type Outcome, type Plot, withHindrance } from "../result.ts";
import {
  bootstrapInterval,
  fitUsl,
  kneedle,
  median,
  type Point,
  type SearchResult,
  throughputAt,
} from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { type Experiment, littleNotes, medianByX, msOf, percentileFigure } from "./experiment.ts";
import { common } from "./messages.ts";
import { firstMissed, trialData, trialTable, trialText } from "./trials.ts";
import { alone, takes, together } from "./ways.ts";

const messages = defineMessages({
  title: { en: "Knee: how much it takes with P99 within 10 ms", zh: "拐点：P99 不超过 10 毫秒时的最大负载" },
  method: {
    en: "Open-loop trials at constant rates; a rate counts as taken when at least 99 % of the schedule was answered in time, fewer than 1 in 100,000 requests failed, and P99 from the due time is at most 10 ms. The search doubles until a rate misses and then halves the interval; a rate is decided by the majority of its trials. Watchers on each core, which go before everybody else, tell how long it stood still: a trial that missed by no more than that says nothing and is held again, six times at most. Where the machine has cores enough each worker is bound to one, and the generator to the others. The knee is the last rate taken before the first one missed; its interval reaches from the largest rate up to which no trial missed to the smallest from which on none met. Cross-checks: Kneedle on the isotonic latency curve, and the peak of the universal scalability law fitted to a closed-loop ladder of connections. All this is over HTTP/1.1 with one request at a time on each of 256 connections; a second search, half as narrow, goes over HTTP/2 with up to 32 at a time on each of 8, as the article's load was HTTP/2 and WebSocket, and the larger of both knees is the rate that the gateway takes.",
    zh: "以恒定速率进行开环试验；当至少 99 % 的计划请求按时应答、失败少于十万分之一、且自应发时刻起的 P99 不超过 10 毫秒时，视为该速率达标。搜索先倍增直至未达标，再对区间折半；每个速率由多次试验的多数决定。每个核心上有最高优先级的监视器记录核心停顿的时间：未达标的幅度不超过停顿时间的试验不作数并重新进行，最多六次。核心足够时每个工作进程绑定一个核心，压测端绑定其余核心。拐点是首个未达标速率之前最后达标的速率；其区间从其下没有任何试验未达标的最大速率，到其上没有任何试验达标的最小速率。交叉验证：对保序化延迟曲线使用 Kneedle，以及对闭环连接阶梯拟合的通用扩展定律（USL）峰值。以上均经 HTTP/1.1，256 个连接、每个连接一次一个请求；另一次精度减半的搜索经 HTTP/2，8 个连接、每个连接最多 32 个并发请求（文章的负载为 HTTP/2 与 WebSocket）。两个拐点中较大者为网关能承受的速率。",
  },
  togetherKnee: { en: "knee over HTTP/2", zh: "HTTP/2 拐点" },
  togetherP99: { en: "P99 at the knee over HTTP/2", zh: "HTTP/2 拐点处 P99" },
  most: { en: "the larger knee, of HTTP/1.1 and HTTP/2", zh: "HTTP/1.1 与 HTTP/2 拐点中较大者" },
  mostP99: { en: "P99 at the larger knee", zh: "较大拐点处 P99" },
  over: { en: "the larger knee is over {way}", zh: "较大的拐点是经 {way} 测得" },
  notSpoken: {
    en: "no rate met the goal over HTTP/2, or it is not spoken",
    zh: "HTTP/2 没有速率达标，或目标不支持 HTTP/2",
  },
  searching: { en: "the same over {way}", zh: "同样的搜索，经 {way}" },
  closed: { en: "closed loop, {count} connections: {rate} requests/s", zh: "闭环 {count} 个连接：每秒 {rate}" },
  knee: { en: "knee", zh: "拐点" },
  kneeP99: { en: "P99 at the knee", zh: "拐点处 P99" },
  kneedle: { en: "bend of the curve (Kneedle)", zh: "曲线弯折处（Kneedle）" },
  usl: { en: "peak by the scalability law (USL)", zh: "USL 拟合峰值" },
  perCore: { en: "rate per core of the gateway at the knee", zh: "拐点处网关每核速率" },
  cpu: { en: "gateway processor time per request at the knee", zh: "拐点处网关每请求处理器时间" },
  curve: { en: "How does latency grow with the rate, and where is the knee?", zh: "延迟如何随速率增长，拐点在哪里？" },
  scaling: {
    en: "How does throughput grow with connections (closed loop), and does the law fit?",
    zh: "吞吐如何随连接数增长（闭环），定律是否吻合？",
  },
  throughput: { en: "measured", zh: "实测" },
  fitted: { en: "law, R² {r}", zh: "拟合，R² {r}" },
  articleKnee: { en: "42,600/s at 8.3 ms on 32 cores", zh: "32 核 42,600/秒，8.3 毫秒" },
  none: { en: "no rate met the goal; the lowest tried was {rate}/s", zh: "没有速率达标；最低试验速率为每秒 {rate}" },
  upperVoid: {
    en: "above {rate}/s the load generator could not send in time on this machine: the knee is at least this, its upper bound is not the gateway's",
    zh: "高于每秒 {rate} 时，本机压测端无法按时发送：拐点至少为此值，上界并非网关所致",
  },
  disagree: {
    en: "the cross-checks disagree with the search by more than 15 %: Kneedle {kneedle}, USL {usl}",
    zh: "交叉验证与搜索相差超过 15 %：Kneedle {kneedle}，USL {usl}",
  },
  refused_few: { en: "USL needs six points", zh: "USL 需要六个点" },
  refused_peak: {
    en: "the fit has no peak within sense (kappa is not above zero)",
    zh: "拟合没有峰值（kappa 不大于零）",
  },
  refused_fit: { en: "the fit did not converge", zh: "拟合未收敛" },
  noBend: { en: "the curve has no bend", zh: "曲线没有弯折" },
});

/** What a hindrance of the first rate missed does to the figures: without it more may have been taken. */
const bends = {
  knee_per_second: "down",
  knee_ms_p99: "up",
  per_core_per_second: "down",
  gateway_us_per_request: "up",
  http2_knee_per_second: "down",
  http2_knee_ms_p99: "up",
} as const;
const ladderShares = [0.2, 0.4, 0.6, 0.8];
const closedConnections = [1, 2, 4, 8, 16, 32, 64];
const disagreementMax = 0.15;
/** Trials at this share of the knee and above tell what a request costs there. */
const nearShare = 0.6;

export const knee: Experiment = {
  name: "knee",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: (profile) => {
    const trials = (profile.kneeWidthRatio < 0.05 ? 11 : 8) * (Math.floor(profile.kneeTrialsPerRate / 2) + 1);
    const each = (ms: number): number => ms / 1000 + 0.6;
    return (
      5 +
      trials * each(profile.kneeTrialMs) +
      ladderShares.length * each(profile.ladderMs) +
      7 * (profile.closedMs / 1000 + 0.6)
    );
  },
  run: (context) => context.withTarget({ hasOwnCores: true }, (target) => findKnee(context, target)),
};

async function findKnee(context: Context, target: Target): Promise<Outcome> {
  const { profile } = context;
  const trials: RateTrial[] = [];
  const note = (trial: RateTrial): void => {
    trials.push(trial);
    context.step(trialText(trial));
  };
  const warm = await context.warm(target);
  const limits = {
    widthRatio: profile.kneeWidthRatio,
    trialsPerRate: profile.kneeTrialsPerRate,
    trialMs: profile.kneeTrialMs,
  };
  const search = await context.searchKnee(target, warm.load.summary.requestsPerSecond / 2, limits, note);
  const closed = await closedLadder(context, target);
  if (search.lower === null) {
    const lowest = Math.min(...trials.map(({ rate }) => rate));
    const limiter = trials.at(-1)?.measured.limiter ?? null;
    const data = { trials: trials.map(trialData) };
    return notMeasured(textOf(messages.none, { rate: formatNumber(lowest) }), { limiter, data });
  }
  for (const share of ladderShares) {
    const rate = search.lower * share;
    const measured = await context.trial(target, rate, profile.ladderMs);
    note({ rate, measured, outcome: trialOutcome(measured) === "met" ? "met" : "missed" });
  }
  context.kneePerSecond = search.lower;
  context.step(textOf(messages.searching, { way: together.name }));
  const second = await searchTogether(context, target, limits);
  return withTogether(context, outcomeOf(context, search, trials, closed), second);
}

/** A search over HTTP/2, and its trials. */
interface Together {
  readonly search: Pick<SearchResult, "lower" | "upper" | "interval">;
  readonly trials: readonly RateTrial[];
}

/** A target that does not speak HTTP/2 takes no rate over it. */
async function searchTogether(context: Context, target: Target, limits: SearchLimits): Promise<Together> {
  const trials: RateTrial[] = [];
  const note = (trial: RateTrial): void => {
    trials.push(trial);
    context.step(trialText(trial));
  };
  if (!(await takes(context, target, together)))
    return { search: { lower: null, upper: null, interval: null }, trials };
  const warm = await context.warm(target, together.load);
  const first = warm.load.summary.requestsPerSecond / 2;
  // Half as narrow: a search for a second opinion.
  const wider = { ...limits, widthRatio: limits.widthRatio * 2 };
  return { search: await context.searchKnee(target, first, wider, note, together.load), trials };
}

interface ClosedLadder {
  readonly points: readonly Point[];
  /** With the most connections. */
  readonly last: Measured;
}

async function closedLadder(context: Context, target: Target): Promise<ClosedLadder> {
  const points: Point[] = [];
  let last: Measured | null = null;
  for (const connectionsCount of closedConnections) {
    last = await context.run(target, {
      durationMs: context.profile.closedMs,
      connectionsCount,
      // More client than server would measure the client; a warning is enough where only the shape matters.
      health: { isVoidable: false },
    });
    const rate = last.load.summary.requestsPerSecond;
    points.push([connectionsCount, rate]);
    context.step(textOf(messages.closed, { count: connectionsCount, rate: formatNumber(rate) }));
  }
  return { points, last: last! };
}

function outcomeOf(
  context: Context,
  search: SearchResult,
  trials: readonly RateTrial[],
  ladder: ClosedLadder,
): Outcome {
  const closed = ladder.points;
  const lower = search.lower!;
  const missed = firstMissed(search, trials);
  const told = trials.filter(({ outcome }) => outcome !== "again");
  const bend = kneedle(told.map(({ rate, measured }): Point => [rate, measured.load.summary.latencyUs.p99]));
  const usl = fitUsl(closed, context.random("usl"));
  const refusals = {
    "too-few-points": messages.refused_few,
    "no-peak": messages.refused_peak,
    "no-fit": messages.refused_fit,
  };
  const near = trials.filter(({ rate, outcome }) => outcome === "met" && rate >= lower * nearShare);
  const taken = trials.filter(({ rate, outcome }) => outcome === "met" && rate === lower);
  const random = context.random("knee");
  const figures: Record<string, Figure> = {
    knee_per_second: figure(messages.knee, lower, "req/s", {
      interval: search.interval,
    }),
    knee_ms_p99: percentileFigure(
      messages.kneeP99,
      taken.flatMap(({ measured }) => measured.load.series.points),
      0.99,
      random,
    ),
    kneedle_per_second: figure(messages.kneedle, bend?.[0] ?? null, "req/s", {
      interval: bend === null ? null : neighbours(trials, bend[0]),
      reason: bend === null ? messages.noBend : null,
    }),
    usl_per_second:
      "refused" in usl
        ? figure(messages.usl, null, "req/s", { reason: refusals[usl.refused] })
        : figure(messages.usl, usl.peak, "req/s", { interval: usl.peakInterval }),
    per_core_per_second: costFigure(messages.perCore, "req/s", near, (us) => 1e6 / us, random),
    gateway_us_per_request: costFigure(messages.cpu, "us", near, (us) => us, random),
  };
  const upperLimiter = (missed.trials[0] ?? trials[0]!).measured.limiter;
  return {
    ...emptyOutcome,
    figures: withHindrance(missed.hindrance, bends, figures),
    limiter: upperLimiter,
    reason: missed.isLate ? textOf(messages.upperVoid, { rate: formatNumber(lower) }) : null,
    notes: [...disagreement(lower, bend?.[0] ?? null, "refused" in usl ? null : usl.peak), ...littleNotes(ladder.last)],
    plots: [curvePlot(told, search), scalingPlot(closed, usl)],
    tables: [trialTable(trials, alone.name)],
    data: {
      search,
      trials: trials.map(trialData),
      closed,
      little: ladder.last.little,
      usl,
      isUpperLate: missed.isLate,
    },
  };
}

/** Adds what was found over HTTP/2, and which of both takes more. */
function withTogether(context: Context, outcome: Outcome, { search, trials }: Together): Outcome {
  const { lower, interval } = search;
  const missed = firstMissed(search, trials);
  const taken = trials.filter(({ rate, outcome }) => outcome === "met" && rate === lower);
  const points = taken.flatMap(({ measured }) => measured.load.series.points);
  const reason = lower === null ? messages.notSpoken : null;
  const random = context.random("knee over HTTP/2");
  const own = withHindrance(missed.hindrance, bends, {
    http2_knee_per_second: figure(messages.togetherKnee, lower, "req/s", { interval, reason }),
    http2_knee_ms_p99:
      lower === null
        ? figure(messages.togetherP99, null, "ms", { reason })
        : percentileFigure(messages.togetherP99, points, 0.99, random),
  });
  const alsoAlone = outcome.figures;
  const isMore = (lower ?? 0) > (alsoAlone["knee_per_second"]?.value ?? 0);
  const rate = isMore ? own["http2_knee_per_second"]! : alsoAlone["knee_per_second"]!;
  const p99 = isMore ? own["http2_knee_ms_p99"]! : alsoAlone["knee_ms_p99"]!;
  const late = missed.isLate ? textOf(messages.upperVoid, { rate: formatNumber(lower ?? 0) }) : null;
  return {
    ...outcome,
    figures: {
      ...alsoAlone,
      ...own,
      most_per_second: { ...rate, title: messages.most },
      most_ms_p99: { ...p99, title: messages.mostP99 },
    },
    limiter: isMore ? (missed.trials[0] ?? trials[0]!).measured.limiter : outcome.limiter,
    reason: isMore ? late : outcome.reason,
    notes: [textOf(messages.over, { way: isMore ? together.name : alone.name }), ...outcome.notes],
    tables: [...outcome.tables, ...(trials.length === 0 ? [] : [trialTable(trials, together.name)])],
    data: { ...(outcome.data as object), http2: { search, trials: trials.map(trialData) } },
  };
}

/** Of the gateway's processor time per request, over trials near the knee. */
function costFigure(
  title: Text,
  unit: "us" | "req/s",
  near: readonly RateTrial[],
  of: (usPerRequest: number) => number,
  random: Random,
): Figure {
  const costs = near.flatMap(({ measured: { accounts, load } }) =>
    accounts.gatewayCores === null ? [] : [of((accounts.gatewayCores / load.summary.requestsPerSecond) * 1e6)],
  );
  if (costs.length === 0) return figure(title, null, unit, { reason: common.unseen });
  const { estimate, low, high } = bootstrapInterval(costs, median, { random });
  return figure(title, estimate, unit, { interval: [low, high] });
}

/** The rates tried on either side: the bend lies somewhere between them. */
function neighbours(trials: readonly RateTrial[], at: number): readonly [number, number] {
  const rates = trials.map(({ rate }) => rate);
  return [
    Math.max(...rates.filter((rate) => rate < at), Math.min(...rates)),
    Math.min(...rates.filter((rate) => rate > at), Math.max(...rates)),
  ];
}

function disagreement(lower: number, bend: number | null, peak: number | null): Text[] {
  const differs = [bend, peak].some((value) => value !== null && Math.abs(value / lower - 1) > disagreementMax);
  const show = (value: number | null): string => (value === null ? "-" : formatNumber(value));
  return differs ? [textOf(messages.disagree, { kneedle: show(bend), usl: show(peak) })] : [];
}

function curvePlot(trials: readonly RateTrial[], { lower, upper }: SearchResult): Plot {
  const read = (name: "p50" | "p99"): Point[] =>
    medianByX(trials.map(({ rate, measured }) => [Math.round(rate), msOf(measured.load.summary.latencyUs[name])]));
  const knees = [lower, upper].filter((rate) => rate !== null);
  return {
    kind: "lines",
    title: messages.curve,
    x: { title: common.rate },
    y: { title: plainText("ms"), isLog: true },
    series: [
      { name: plainText("P50"), kind: "line", points: read("p50") },
      { name: plainText("P99"), kind: "line", points: read("p99") },
      { name: textOf(common.article, { text: messages.articleKnee }), kind: "points", points: [[42_600, 8.3]] },
    ],
    marks: [
      { axis: "y", at: latencyGoalUs / 1000, title: common.goal },
      ...knees.map((at) => ({ axis: "x" as const, at: Math.round(at), title: plainText(formatNumber(at)) })),
    ],
  };
}

function scalingPlot(closed: readonly Point[], usl: ReturnType<typeof fitUsl>): Plot {
  const most = Math.max(...closed.map(([n]) => n));
  const law =
    "refused" in usl
      ? []
      : [
          {
            name: textOf(messages.fitted, { r: usl.rSquared.toFixed(3) }),
            kind: "line" as const,
            isDashed: true,
            points: Array.from({ length: most }, (_, index): Point => [index + 1, throughputAt(usl, index + 1)]),
          },
        ];
  return {
    kind: "lines",
    title: messages.scaling,
    x: { title: common.connections, isLog: true },
    y: { title: common.achieved, min: 0 },
    series: [{ name: messages.throughput, kind: "line", points: closed }, ...law],
    marks: [],
  };
}
