/** Weir beside nginx and HAProxy: one worker each, the same upstream, blocks in turn, so that what drifts drifts for all. */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import type { Measured } from "../measure.ts";
import { emptyOutcome, type Figure, figure, notMeasured, type Outcome, type Table } from "../result.ts";
import { bootstrapInterval, comparePairs, median } from "../statistics/mod.ts";
import { type OwnTarget, startPeer, type Target } from "../target/mod.ts";
import { plainText, textOf } from "../text.ts";
import type { Experiment } from "./experiment.ts";

const messages = defineMessages({
  title: { en: "Peers: Weir beside nginx and HAProxy", zh: "同类对比：Weir、nginx 与 HAProxy" },
  method: {
    en: "One worker (thread) each, the same upstream process, one request per upstream connection, no logs, closed loop over 64 connections. Blocks of all take turns; processor time per request is the fair figure, since generator and upstream share the machine. Ratios are medians of paired blocks with bootstrap intervals; Weir stands in twice, and the A/A row shows what noise alone gives.",
    zh: "各一个工作进程（线程），同一上游进程，每个上游连接同时一个请求，不写日志，64 个连接闭环。各方区块轮流进行；由于压测端与上游共用机器，每请求处理器时间才是公平指标。比值为配对区块中位数及自助区间；Weir 出现两次，A/A 行显示噪声本身的幅度。",
  },
  block: { en: "block {index} of {count}", zh: "第 {index} / {count} 轮" },
  cpu: { en: "{name}: processor time per request", zh: "{name}：每请求处理器时间" },
  rate: { en: "{name}: requests per second", zh: "{name}：每秒请求数" },
  none: { en: "neither nginx nor HAProxy is installed", zh: "未安装 nginx 或 HAProxy" },
  table: { en: "Processor time per request, relative to Weir", zh: "每请求处理器时间（相对 Weir）" },
  name: { en: "gateway", zh: "网关" },
  ratio: { en: "ratio", zh: "比值" },
  interval: { en: "95 % interval", zh: "95 % 区间" },
  different: { en: "differs", zh: "有差异" },
  yes: { en: "yes", zh: "是" },
  no: { en: "no", zh: "否" },
});

interface Block {
  readonly usPerRequest: number;
  readonly perSecond: number;
}

export const peers: Experiment = {
  name: "peers",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ peerBlocksCount, peerBlockMs }) => 4 * peerBlocksCount * (peerBlockMs / 1000 + 0.6) + 12,
  run: (context) => context.withWeir({ workersCount: 1, upstreamMode: "exclusive" }, (weir) => compare(context, weir)),
};

async function compare(context: Context, weir: OwnTarget): Promise<Outcome> {
  const started = await Promise.all([
    startPeer("nginx", weir.upstreamUrl, weir.path),
    startPeer("haproxy", weir.upstreamUrl, weir.path),
  ]);
  const others = started.filter((peer) => peer !== null);
  try {
    if (others.length === 0) return notMeasured(messages.none);
    const again: Target = Object.create(weir, { name: { value: "Weir (A/A)" } }) as Target;
    const targets: Target[] = [weir, ...others, again];
    for (const target of [weir, ...others]) await context.warm(target);
    const blocks = new Map<string, Block[]>(targets.map(({ name }) => [name, []]));
    const { peerBlocksCount: count, peerBlockMs } = context.profile;
    for (let index = 0; index < count; index++) {
      context.step(textOf(messages.block, { index: index + 1, count }));
      // Forwards, then backwards: nobody always follows the same one.
      for (const target of index % 2 === 0 ? targets : [...targets].reverse()) {
        const load = { durationMs: peerBlockMs, connectionsCount: 64, health: { isVoidable: false } };
        blocks.get(target.name)!.push(blockOf(await context.run(target, load)));
      }
    }
    return outcomeOf(context, blocks);
  } finally {
    await Promise.all(others.map((peer) => peer.stop()));
  }
}

function blockOf({ load, accounts }: Measured): Block {
  const perSecond = load.summary.requestsPerSecond;
  return { perSecond, usPerRequest: ((accounts.gatewayCores ?? Number.NaN) / perSecond) * 1e6 };
}

function outcomeOf(context: Context, blocks: ReadonlyMap<string, readonly Block[]>): Outcome {
  const random = context.random("peers");
  const figures: Record<string, Figure> = {};
  for (const [name, own] of blocks) {
    const key = name === "Weir (A/A)" ? "weir_again" : name.toLowerCase();
    const cost = bootstrapInterval(
      own.map(({ usPerRequest }) => usPerRequest),
      median,
      { random },
    );
    const rate = bootstrapInterval(
      own.map(({ perSecond }) => perSecond),
      median,
      { random },
    );
    const title = { name: plainText(name) };
    figures[`${key}_us_per_request`] = figure(textOf(messages.cpu, title), cost.estimate, "us", {
      interval: [cost.low, cost.high],
    });
    figures[`${key}_per_second`] = figure(textOf(messages.rate, title), rate.estimate, "req/s", {
      interval: [rate.low, rate.high],
    });
  }
  return { ...emptyOutcome, figures, tables: [ratioTable(context, blocks)], data: Object.fromEntries(blocks) };
}

function ratioTable(context: Context, blocks: ReadonlyMap<string, readonly Block[]>): Table {
  const random = context.random("peer ratios");
  const weir = blocks.get("Weir")!;
  const rows = [...blocks].flatMap(([name, own]) => {
    if (name === "Weir") return [];
    const pairs = own.map(({ usPerRequest }, index) => [weir[index]!.usPerRequest, usPerRequest] as const);
    const { ratio, isDifferent } = comparePairs(pairs, median, { random });
    const range = `${formatNumber(ratio.low)} – ${formatNumber(ratio.high)}`;
    return [[name, formatNumber(ratio.estimate), range, isDifferent ? messages.yes : messages.no]];
  });
  return { title: messages.table, head: [messages.name, messages.ratio, messages.interval, messages.different], rows };
}
