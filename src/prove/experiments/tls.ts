/**
 * TLS: what a handshake costs by the length of the client's ALPN list, full and resumed, and how many new connections a
 * second are taken with each. The article blames long lists for a lost fifth of its rate; here blocks of all take turns, and a
 * second block of the shortest list shows what noise alone looks like.
 */
import { defineMessages, type Random } from "../../base/mod.ts";
import { type Context, errorRatioGoal, latencyGoalUs } from "../context.ts";
import { formatNumber } from "../format.ts";
import { readRunSeconds } from "../machine/mod.ts";
import { emptyOutcome, type Figure, figure, notMeasured, type Outcome, type Plot, type Table } from "../result.ts";
import {
  bootstrapInterval,
  comparePairs,
  type Interval,
  median,
  type Point,
  percentileSamplesMin,
  quantile,
  type SearchResult,
  searchRate,
} from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { type HandshakePlan, type HandshakeResult, runHandshakes } from "../tls/mod.ts";
import { type Experiment, msOf } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "TLS: handshakes by ALPN length, full and resumed", zh: "TLS：不同 ALPN 列表长度的握手，完整与恢复" },
  method: {
    en: "Connections over TLS 1.3 (ECDSA on P-256), each with one request, from client processes of their own. First one after the other: blocks with 1, 3 and 5 names in the client's ALPN list (the one that is taken stands last), with a resumed session, and with 1 name again, in turns, forwards and backwards; medians of blocks with bootstrap intervals, differences of paired blocks, and the second block of 1 name as the A/A row. Then open loop: the most new connections a second whose answer comes within 10 ms at P99 from when each was due, as a pair of bounds. Connections that are kept open make no handshake, so the length of the list cannot matter to them.",
    zh: "由独立客户端进程建立 TLS 1.3 连接（P-256 ECDSA），每个连接一个请求。先逐个进行：客户端 ALPN 列表含 1、3、5 个名称（被选中的排在最后）、会话恢复、以及再次 1 个名称的区块，正反顺序轮流；给出区块中位数及自助区间、配对区块之差，第二个 1 名称区块即 A/A 行。随后开环：自应发时刻起应答 P99 不超过 10 毫秒时每秒最多新建的连接数，给出一对边界。保持的连接不再握手，因此列表长度对其没有影响。",
  },
  block: { en: "handshakes, block {index} of {count}", zh: "握手，第 {index} / {count} 轮" },
  trial: { en: "{name}: {rate} new connections/s: P99 {p99} ms", zh: "{name}：每秒新建 {rate}：P99 {p99} 毫秒" },
  names1: { en: "1 name", zh: "1 个名称" },
  names3: { en: "3 names", zh: "3 个名称" },
  names5: { en: "5 names", zh: "5 个名称" },
  again: { en: "1 name again (A/A)", zh: "再次 1 个名称（A/A）" },
  resumed: { en: "1 name, resumed", zh: "1 个名称，会话恢复" },
  handshake: { en: "handshake, {name}: median", zh: "握手，{name}：中位数" },
  added: { en: "added by 5 names instead of 1", zh: "5 个名称比 1 个多出" },
  noise: { en: "noise: 1 name against 1 name (A/A)", zh: "噪声：1 个名称对 1 个名称（A/A）" },
  resumedRatio: { en: "sessions resumed of those offered", zh: "会话恢复成功比例" },
  resumedTo: { en: "resumed handshake to full", zh: "恢复握手与完整握手之比" },
  cpu: { en: "gateway processor time per connection, {name}", zh: "网关每连接处理器时间，{name}" },
  knee: { en: "new connections per second, {name} (bounds)", zh: "每秒新建连接，{name}（边界）" },
  none: { en: "no rate met the goal", zh: "没有速率达标" },
  noTls: { en: "the target's URL is not https", zh: "目标 URL 不是 https" },
  plain: { en: "no connection succeeded", zh: "没有连接成功" },
  clientLimit: {
    en: "the TLS client: its process used {percent} % of a core",
    zh: "TLS 客户端：其进程占用 {percent} % 核心",
  },
  gatewayLimit: {
    en: "the gateway and the TLS client on the same cores: {gateway} % and {client} % of a core",
    zh: "网关与 TLS 客户端共用核心：分别占 {gateway} % 与 {client} % 核心",
  },
  clientBound: {
    en: "the client ran out first above some of these rates: they are lower bounds of the gateway's",
    zh: "部分速率之上客户端先达到极限：对网关而言它们是下界",
  },
  noEffect: {
    en: "the length of the ALPN list shows no effect here: {added} against a noise of {noise}",
    zh: "此处 ALPN 列表长度没有可见影响：{added}，噪声为 {noise}",
  },
  effect: {
    en: "a list of 5 names costs more than noise here: {added} against {noise}",
    zh: "此处 5 个名称的开销超过噪声：{added}，噪声为 {noise}",
  },
  curve: { en: "How long does a handshake take?", zh: "握手需要多长时间？" },
  ladder: { en: "Does the length of the ALPN list move the knee?", zh: "ALPN 列表长度会移动拐点吗？" },
  names: { en: "names in the client's list", zh: "客户端列表名称数" },
  percentile: { en: "percentile", zh: "分位" },
  table: { en: "By ALPN list, beside the article's", zh: "按 ALPN 列表，与文章对照" },
  list: { en: "list", zh: "列表" },
  kneeHead: { en: "new connections per second", zh: "每秒新建连接" },
  articleTime: { en: "article: negotiation (us)", zh: "文章：协商（微秒）" },
  articleKnee: { en: "article: knee (connections)", zh: "文章：拐点（连接数）" },
  refused: { en: "P99 needs {needed} handshakes, there were {count}", zh: "P99 需要 {needed} 次握手，实际 {count} 次" },
});

interface Arm {
  readonly key: "alpn1" | "alpn3" | "alpn5" | "again" | "resumed";
  readonly name: Text;
  readonly protocols: readonly string[];
  readonly isResumed: boolean;
  /** What the article gives for it: negotiation in microseconds, and connections at its knee. */
  readonly article: readonly [us: number, connections: number] | null;
}

/** The name that the listener takes stands last, behind those of the article and of old protocols. */
const taken = "http/1.1";
const arms: readonly Arm[] = [
  { key: "alpn1", name: messages.names1, protocols: [taken], isResumed: false, article: [21, 15_600] },
  { key: "alpn3", name: messages.names3, protocols: ["h2", "ftp/1.0", taken], isResumed: false, article: [32, 12_800] },
  {
    key: "alpn5",
    name: messages.names5,
    protocols: ["h2", "h2c", "spdy/3", "ftp/1.0", taken],
    isResumed: false,
    article: [49, 9200],
  },
  { key: "resumed", name: messages.resumed, protocols: [taken], isResumed: true, article: null },
  { key: "again", name: messages.again, protocols: [taken], isResumed: false, article: null },
];
const searched = arms.filter(({ key }) => key !== "again");

interface Block {
  readonly medianUs: number;
  readonly gatewayUs: number | null;
  readonly result: HandshakeResult;
}

interface Knee {
  readonly search: SearchResult;
  readonly isClientBound: boolean;
  readonly limiter: Text | null;
  readonly trials: readonly unknown[];
}

type ByArm<T> = ReadonlyMap<Arm["key"], T>;

export const tls: Experiment = {
  name: "tls",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: ({ tlsBlocksCount, handshakesCount, tlsTrialMs }) =>
    tlsBlocksCount * arms.length * (0.4 + handshakesCount / 700) + searched.length * 8 * (tlsTrialMs / 1000 + 0.4) + 4,
  run: async (context) => {
    const { unknown } = context.options;
    if (unknown !== null && !unknown.url.startsWith("https:")) return notMeasured(messages.noTls);
    return await context.withTarget({ alpn: [taken] }, (target) => shakeHands(context, target));
  },
};

async function shakeHands(context: Context, target: Target): Promise<Outcome> {
  const ids = await target.workerIds();
  const { tlsBlocksCount: count } = context.profile;
  const blocks = new Map(arms.map(({ key }) => [key, [] as Block[]]));
  await oneAfterAnother(context, target, arms[0]!, ids);
  for (let index = 0; index < count; index++) {
    context.step(textOf(messages.block, { index: index + 1, count }));
    for (const arm of index % 2 === 0 ? arms : [...arms].reverse()) {
      blocks.get(arm.key)!.push(await oneAfterAnother(context, target, arm, ids));
    }
  }
  const all = [...blocks.values()].flat();
  if (all.some(({ result }) => result.handshakeUs.length === 0)) return notMeasured(messages.plain);
  const knees = new Map<Arm["key"], Knee>();
  for (const arm of searched) {
    const first = 5e5 / median(blocks.get(arm.key)!.map(({ result }) => median(result.answerUs)));
    knees.set(arm.key, await searchNew(context, target, arm, first, ids));
  }
  return outcomeOf(context, blocks, knees);
}

function planOf(target: Target, arm: Arm): Omit<HandshakePlan, "perSecond" | "durationMs" | "count"> {
  const { hostname, port } = new URL(target.url);
  const { protocols, isResumed } = arm;
  return { host: hostname, port: port === "" ? 443 : Number(port), path: target.path, protocols, isResumed };
}

async function oneAfterAnother(context: Context, target: Target, arm: Arm, ids: readonly number[]): Promise<Block> {
  const before = readRunSeconds(ids);
  const plan = { ...planOf(target, arm), perSecond: null, durationMs: 0, count: context.profile.handshakesCount };
  const result = await runHandshakes(plan, context.options.signal);
  const after = readRunSeconds(ids);
  const usedUs = before === null || after === null ? null : (after - before) * 1e6;
  const gatewayUs = usedUs === null ? null : usedUs / plan.count;
  return { medianUs: median(result.handshakeUs), gatewayUs, result };
}

async function searchNew(
  context: Context,
  target: Target,
  arm: Arm,
  first: number,
  ids: readonly number[],
): Promise<Knee> {
  const durationMs = context.profile.tlsTrialMs;
  const trials: unknown[] = [];
  let limiter: Text | null = null;
  let isClientBound = false;
  const settings = { first, min: 5, max: 1e6, widthRatio: 0.1, trialsPerRate: 1, trialsMax: 14 };
  const search = await searchRate(settings, async (rate) => {
    const before = readRunSeconds(ids);
    const plan = { ...planOf(target, arm), perSecond: rate, durationMs, count: 0 };
    const result = await runHandshakes(plan, context.options.signal);
    const gatewayRatio = ((readRunSeconds(ids) ?? 0) - (before ?? 0)) / (durationMs / 1000);
    const p99 = quantile(result.answerUs, 0.99);
    const isMet = p99 <= latencyGoalUs && result.failedCount <= result.dueCount * errorRatioGoal;
    if (!isMet) {
      isClientBound = result.cpuRatio > clientRatioMax;
      const percent = (ratio: number): string => (ratio * 100).toFixed(0);
      limiter = isClientBound
        ? textOf(messages.clientLimit, { percent: percent(result.cpuRatio) })
        : textOf(messages.gatewayLimit, { gateway: percent(gatewayRatio), client: percent(result.cpuRatio) });
    }
    const { resumedCount, failedCount, dueCount, cpuRatio } = result;
    trials.push({ arm: arm.key, rate, isMet, p99, resumedCount, failedCount, dueCount, cpuRatio, gatewayRatio });
    const values = { rate: formatNumber(rate), p99: formatNumber(msOf(p99)) };
    context.step(textOf(messages.trial, { name: arm.name, ...values }));
    return isMet ? "met" : "missed";
  });
  return { search, isClientBound, limiter, trials };
}

/** A client process that used more of its core than this was the limit. */
const clientRatioMax = 0.9;

interface Compared {
  readonly added: Interval;
  readonly noise: Interval;
  readonly resumedRatio: Interval;
}

function outcomeOf(context: Context, blocks: ByArm<readonly Block[]>, knees: ByArm<Knee>): Outcome {
  const random = context.random("tls");
  const against = (second: Arm["key"]): ReturnType<typeof comparePairs> => {
    const pairs = blocks
      .get("alpn1")!
      .map(({ medianUs }, index) => [medianUs, blocks.get(second)![index]!.medianUs] as const);
    return comparePairs(pairs, median, { random });
  };
  const compared = {
    added: against("alpn5").difference,
    noise: against("again").difference,
    resumedRatio: against("resumed").ratio,
  };
  const isClientBound = [...knees.values()].some((each) => each.isClientBound);
  return {
    ...emptyOutcome,
    figures: {
      ...armFigures(blocks, knees, random),
      ...gatewayFigures(blocks, random),
      ...comparedFigures(compared, blocks),
    },
    limiter: knees.get("alpn1")!.limiter,
    notes: [effectNote(compared), ...(isClientBound ? [messages.clientBound] : [])],
    plots: [percentilePlot(blocks), kneePlot(knees)],
    tables: [armTable(blocks, knees)],
    data: {
      blocks: Object.fromEntries([...blocks].map(([key, own]) => [key, own.map(blockData)])),
      trials: [...knees.values()].flatMap(({ trials }) => trials),
    },
  };
}

function armFigures(blocks: ByArm<readonly Block[]>, knees: ByArm<Knee>, random: Random): Record<string, Figure> {
  const figures: Record<string, Figure> = {};
  for (const { key, name } of searched) {
    const medians = blocks.get(key)!.map(({ medianUs }) => medianUs);
    const times = bootstrapInterval(medians, median, { random });
    figures[`${key}_handshake_us`] = intervalFigure(textOf(messages.handshake, { name }), times, "us");
    const { lower, upper } = knees.get(key)!.search;
    figures[`${key}_knee_per_second`] = figure(textOf(messages.knee, { name }), lower, "conn/s", {
      interval: lower === null || upper === null ? null : [lower, upper],
      reason: lower === null ? messages.none : null,
    });
  }
  return figures;
}

function gatewayFigures(blocks: ByArm<readonly Block[]>, random: Random): Record<string, Figure> {
  const figures: Record<string, Figure> = {};
  for (const { key, name } of arms.filter(({ key: each }) => each === "alpn1" || each === "resumed")) {
    const costs = blocks.get(key)!.flatMap(({ gatewayUs }) => (gatewayUs === null ? [] : [gatewayUs]));
    const title = textOf(messages.cpu, { name });
    figures[`${key}_gateway_us`] =
      costs.length === 0
        ? figure(title, null, "us", { reason: common.unseen })
        : intervalFigure(title, bootstrapInterval(costs, median, { random }), "us");
  }
  return figures;
}

function comparedFigures(
  { added, noise, resumedRatio }: Compared,
  blocks: ByArm<readonly Block[]>,
): Record<string, Figure> {
  const results = blocks.get("resumed")!.map(({ result }) => result);
  const made = results.reduce((sum, { handshakeUs }) => sum + handshakeUs.length, 0);
  const resumed = results.reduce((sum, { resumedCount }) => sum + resumedCount, 0);
  return {
    alpn5_added_us: intervalFigure(messages.added, added, "us"),
    alpn_noise_us: intervalFigure(messages.noise, noise, "us"),
    resumed_time_ratio: intervalFigure(messages.resumedTo, resumedRatio, "ratio"),
    resumed_ratio: figure(messages.resumedRatio, made === 0 ? null : resumed / made, "ratio"),
  };
}

function intervalFigure(title: Text, { estimate, low, high }: Interval, unit: Figure["unit"]): Figure {
  return figure(title, estimate, unit, { interval: [low, high] });
}

function effectNote({ added, noise }: Compared): Text {
  const spread = ({ low, high }: Interval): string => `${formatNumber(low)} .. ${formatNumber(high)} us`;
  const isEffect = added.low > Math.max(0, noise.high);
  return textOf(isEffect ? messages.effect : messages.noEffect, { added: spread(added), noise: spread(noise) });
}

function blockData({ medianUs, gatewayUs, result }: Block): unknown {
  const { handshakeUs, resumedCount, failedCount, cpuRatio } = result;
  return { medianUs, gatewayUs, resumedCount, failedCount, cpuRatio, handshakeUs };
}

const shownPercents = [1, 10, 25, 50, 75, 90, 95] as const;

function percentilePlot(blocks: ByArm<readonly Block[]>): Plot {
  return {
    kind: "lines",
    title: messages.curve,
    x: { title: messages.percentile, categories: shownPercents.map((percent) => `P${percent}`) },
    y: { title: plainText("us"), min: 0 },
    series: arms.map(({ key, name }) => {
      const times = blocks.get(key)!.flatMap(({ result }) => result.handshakeUs);
      const points = shownPercents.map((percent, index): Point => [index, Math.round(quantile(times, percent / 100))]);
      return { name, kind: "line" as const, isDashed: key === "again", points };
    }),
    marks: [],
  };
}

function kneePlot(knees: ByArm<Knee>): Plot {
  const lists = searched.filter(({ isResumed }) => !isResumed);
  const bound = (key: Arm["key"], name: "lower" | "upper"): number => knees.get(key)!.search[name] ?? 0;
  const points = (name: "lower" | "upper"): Point[] =>
    lists.map(({ key }, index) => [index, Math.round(bound(key, name))]);
  return {
    kind: "lines",
    title: messages.ladder,
    x: { title: messages.names, categories: lists.map(({ protocols }) => String(protocols.length)) },
    y: { title: messages.kneeHead, min: 0 },
    right: { title: messages.articleKnee, min: 0 },
    series: [
      { name: { en: "taken", zh: "达标" }, kind: "bars", points: points("lower") },
      { name: { en: "missed", zh: "未达标" }, kind: "points", points: points("upper") },
      {
        name: messages.articleKnee,
        kind: "line",
        isDashed: true,
        onRight: true,
        points: lists.map(({ article }, index): Point => [index, article![1]]),
      },
    ],
    marks: [],
  };
}

function armTable(blocks: ByArm<readonly Block[]>, knees: ByArm<Knee>): Table {
  const head = [messages.list, plainText("P50 us"), plainText("P99 us"), messages.cpu, messages.kneeHead];
  return {
    title: messages.table,
    head: [...head.map((each) => textOf(each, { name: "us" })), messages.articleTime, messages.articleKnee],
    rows: arms.map(({ key, name, article }) => {
      const own = blocks.get(key)!;
      const times = own.flatMap(({ result }) => result.handshakeUs);
      const needed = percentileSamplesMin(99);
      const isSound = times.length >= needed;
      const costs = own.flatMap(({ gatewayUs }) => (gatewayUs === null ? [] : [gatewayUs]));
      const lower = knees.get(key)?.search.lower ?? null;
      return [
        name,
        formatNumber(median(times)),
        isSound ? formatNumber(quantile(times, 0.99)) : textOf(messages.refused, { needed, count: times.length }),
        costs.length === 0 ? "-" : formatNumber(median(costs)),
        lower === null ? "-" : formatNumber(lower),
        ...(article === null ? ["-", "-"] : article.map((value) => formatNumber(value))),
      ];
    }),
  };
}
