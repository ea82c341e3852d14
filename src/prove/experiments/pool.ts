/**
 * The article's decay model of connection pools, N_eff = N_max * hit * idle / (idle + fin_wait), held against measurement. The
 * model takes 60 s of `tcp_fin_timeout` for the wait; that setting is about FIN_WAIT_2, while TIME_WAIT is 60 s whatever it
 * says, so the number is right by accident. Two rows of the article's table do not follow its formula; both are shown.
 */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { readTimeWaitCount } from "../machine/mod.ts";
import { brief } from "../measure.ts";
import { emptyOutcome, figure, type Outcome, type Plot, type Table } from "../result.ts";
import { mean } from "../statistics/mod.ts";
import { type Text, textOf } from "../text.ts";
import type { Experiment } from "./experiment.ts";

const messages = defineMessages({
  title: {
    en: "Pool: idle time, reuse and TIME_WAIT against the decay model",
    zh: "连接池：空闲时间、复用率与 TIME_WAIT 对照衰减模型",
  },
  method: {
    en: "200 clients send, think for 300 ms and send again, while the gateway keeps idle upstream connections for 100 ms, 1 s or 60 s (one request per connection at a time). The hit rate is the share of requests that opened no upstream connection, by the gateway's own metrics; effective concurrency is the rate relative to the best of the three; TIME_WAIT is counted by the kernel. The formula's value for the measured hit rate and the idle time set stands beside, with its error.",
    zh: "200 个客户端发送请求、思考 300 毫秒后再发，网关空闲上游连接分别保留 100 毫秒、1 秒与 60 秒（每连接同时一个请求）。命中率为未新建上游连接的请求比例，取自网关指标；有效并发为相对三者最佳的速率；TIME_WAIT 由内核计数。旁列按实测命中率与所设空闲时间由公式算出的值及误差。",
  },
  step: { en: "idle connections kept for {idle} s", zh: "空闲连接保留 {idle} 秒" },
  error: { en: "mean error of the formula (of N_max)", zh: "公式平均误差（占 N_max）" },
  hit: { en: "hit rate with 60 s", zh: "60 秒时命中率" },
  measuredTable: { en: "Measured against the formula", zh: "实测与公式对照" },
  articleTable: { en: "The article's table against its own formula", zh: "文章表格与其自身公式对照" },
  idle: { en: "idle (s)", zh: "空闲（秒）" },
  rate: { en: "hit rate", zh: "命中率" },
  effective: { en: "measured N_eff / N_max", zh: "实测 N_eff / N_max" },
  formula: { en: "formula", zh: "公式" },
  printed: { en: "printed", zh: "文章所列" },
  opened: { en: "TIME_WAIT added", zh: "新增 TIME_WAIT" },
  difference: { en: "difference", zh: "差" },
  inconsistent: {
    en: "the article's table does not follow its formula: 30 s and 0.4 give 0.13, not 0.20; 600 s and 0.9 give 0.82, not 0.90; 60 s and 0.8 give 0.40 as printed",
    zh: "文章表格与其公式不符：30 秒、0.4 应为 0.13 而非 0.20；600 秒、0.9 应为 0.82 而非 0.90；60 秒、0.8 为 0.40，与所列一致",
  },
  verdict: {
    en: "the formula is off by {percent} % of N_max on average here: it has no term for how soon a connection is used again",
    zh: "此处公式平均偏差为 N_max 的 {percent} %：它没有考虑连接多久会被再次使用",
  },
  plot: { en: "Does the formula predict what the pool gives?", zh: "公式能否预测连接池的实际能力？" },
});

/** TIME_WAIT of Linux, fixed. */
const timeWaitSeconds = 60;
const idleSeconds = [0.1, 1, 60];
const clients = 200;
const thinkMs = 300;

/** The article's formula, unchanged. */
export function effectiveRatio(hitRatio: number, idle: number, finWait = timeWaitSeconds): number {
  return hitRatio * (idle / (idle + finWait));
}

/** idle, hit rate, and the ratio as the article prints it. */
export const articleRows = [
  [30, 0.4, 0.2],
  [600, 0.9, 0.9],
  [60, 0.8, 0.4],
] as const;

interface Row {
  readonly idle: number;
  readonly hitRatio: number;
  readonly perSecond: number;
  readonly timeWaits: number;
  readonly run: unknown;
}

export const pool: Experiment = {
  name: "pool",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ poolMs }) => idleSeconds.length * (poolMs / 1000 + 6),
  run: async (context) => {
    const rows: Row[] = [];
    for (const idle of idleSeconds) {
      context.step(textOf(messages.step, { idle }));
      rows.push(await measureIdle(context, idle));
    }
    return outcomeOf(rows);
  },
};

async function measureIdle(context: Context, idle: number): Promise<Row> {
  const connections = { idleTimeout: `${idle * 1000}ms` };
  return await context.withWeir({ upstreamMode: "exclusive", connections }, async (target) => {
    const before = await target.metrics();
    const waitsBefore = readTimeWaitCount() ?? 0;
    const load = { durationMs: context.profile.poolMs, connectionsCount: clients, thinkMs };
    const measured = await context.run(target, { ...load, health: { isVoidable: false } });
    const after = await target.metrics();
    const added = (name: string): number => (after?.sum(name) ?? 0) - (before?.sum(name) ?? 0);
    const requests = Math.max(1, added("weir_worker_requests_total"));
    return {
      idle,
      hitRatio: Math.max(0, 1 - added("weir_upstream_connections_total") / requests),
      perSecond: measured.load.summary.requestsPerSecond,
      timeWaits: Math.max(0, (readTimeWaitCount() ?? 0) - waitsBefore),
      run: brief(measured),
    };
  });
}

function outcomeOf(rows: readonly Row[]): Outcome {
  const best = Math.max(...rows.map(({ perSecond }) => perSecond));
  const errors = rows.map((row) => Math.abs(row.perSecond / best - effectiveRatio(row.hitRatio, row.idle)));
  const error = mean(errors);
  return {
    ...emptyOutcome,
    figures: {
      pool_formula_error: figure(messages.error, error, "ratio"),
      pool_hit_ratio: figure(messages.hit, rows.at(-1)?.hitRatio ?? null, "ratio"),
    },
    notes: [messages.inconsistent, textOf(messages.verdict, { percent: formatNumber(error * 100) })],
    tables: [measuredTable(rows, best), articleTable()],
    plots: [plotOf(rows, best)],
    data: rows,
  };
}

function measuredTable(rows: readonly Row[], best: number): Table {
  const head: Text[] = [
    messages.idle,
    messages.rate,
    messages.effective,
    messages.formula,
    messages.difference,
    messages.opened,
  ];
  return {
    title: messages.measuredTable,
    head,
    rows: rows.map(({ idle, hitRatio, perSecond, timeWaits }) => {
      const formula = effectiveRatio(hitRatio, idle);
      const cells = [idle, hitRatio, perSecond / best, formula, perSecond / best - formula, timeWaits];
      return cells.map(formatNumber);
    }),
  };
}

function articleTable(): Table {
  return {
    title: messages.articleTable,
    head: [messages.idle, messages.rate, messages.printed, messages.formula, messages.difference],
    rows: articleRows.map(([idle, hit, printed]) => {
      const formula = effectiveRatio(hit, idle);
      return [idle, hit, printed, formula, printed - formula].map(formatNumber);
    }),
  };
}

function plotOf(rows: readonly Row[], best: number): Plot {
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: messages.idle, isLog: true },
    y: { title: { en: "N_eff / N_max", zh: "N_eff / N_max" }, min: 0 },
    series: [
      { name: messages.effective, kind: "line", points: rows.map(({ idle, perSecond }) => [idle, perSecond / best]) },
      {
        name: messages.formula,
        kind: "line",
        isDashed: true,
        points: rows.map(({ idle, hitRatio }) => [idle, effectiveRatio(hitRatio, idle)]),
      },
      { name: messages.printed, kind: "points", points: articleRows.map(([idle, , printed]) => [idle, printed]) },
    ],
    marks: [],
  };
}
