/** More workers: throughput of a closed loop over 1..n worker processes, with the scalability law where there are points for it. */
import { availableParallelism } from "node:os";
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, type Measured } from "../measure.ts";
import { emptyOutcome, figure, type Outcome } from "../result.ts";
import { fitUsl, type Point } from "../statistics/mod.ts";
import { textOf } from "../text.ts";
import type { Experiment } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "Scale: one worker process, two, and so on", zh: "扩展：一个、两个……工作进程" },
  method: {
    en: "A closed loop over 256 connections against 1, 2, 4 ... workers, up to one for each core. Generator and upstream run on the same cores, so the last steps show them as much as the gateway; the law is fitted only with six points.",
    zh: "以 256 个连接闭环压测 1、2、4……个工作进程，直至每核一个。压测端与上游共用同样的核心，因此最后几级也反映它们；仅在有六个点时拟合定律。",
  },
  step: { en: "{count} workers: {rate} requests/s", zh: "{count} 个工作进程：每秒 {rate}" },
  best: { en: "most requests per second", zh: "最大速率" },
  ratio: { en: "most workers to one", zh: "最多工作进程与单个之比" },
  peak: { en: "workers at the peak by the law (USL)", zh: "USL 峰值对应的工作进程数" },
  refused: {
    en: "the law needs six points with a peak; this machine has {cores} cores",
    zh: "定律需要六个点且有峰值；本机有 {cores} 个核心",
  },
  plot: { en: "How does throughput grow with workers?", zh: "吞吐如何随工作进程数增长？" },
  workers: { en: "workers", zh: "工作进程数" },
  articlePoints: { en: "16: 24.8k, 32: 46.2k, 64: 47.5k", zh: "16 核 24.8k，32 核 46.2k，64 核 47.5k" },
});

export const scale: Experiment = {
  name: "scale",
  title: messages.title,
  method: messages.method,
  needs: "weir",
  estimateSeconds: ({ scaleMs }) => steps().length * (scaleMs / 1000 + 4),
  run: climb,
};

/** Every number to eight, then doublings: the law bends early. */
function steps(): number[] {
  const cores = availableParallelism();
  return Array.from({ length: cores }, (_, index) => index + 1).filter((n) => n <= 8 || n === cores || n % 8 === 0);
}

async function climb(context: Context): Promise<Outcome> {
  const runs: { count: number; measured: Measured }[] = [];
  for (const count of steps()) {
    const measured = await context.withWeir({ workersCount: count }, async (target) => {
      await context.warm(target);
      const load = { durationMs: context.profile.scaleMs, connectionsCount: 256 };
      return await context.run(target, { ...load, health: { isVoidable: false } });
    });
    runs.push({ count, measured });
    context.step(textOf(messages.step, { count, rate: formatNumber(measured.load.summary.requestsPerSecond) }));
  }
  const points = runs.map(({ count, measured }): Point => [count, measured.load.summary.requestsPerSecond]);
  const rates = points.map(([, rate]) => rate);
  const usl = fitUsl(points, context.random("scale"));
  const refused = textOf(messages.refused, { cores: context.machine.cores });
  return {
    ...emptyOutcome,
    limiter: runs.at(-1)?.measured.limiter ?? null,
    figures: {
      scale_per_second: figure(messages.best, Math.max(...rates), "req/s"),
      scale_ratio: figure(messages.ratio, rates.at(-1)! / rates[0]!, "ratio"),
      scale_peak_workers: figure(messages.peak, "refused" in usl ? null : usl.peakAt, "count", {
        reason: "refused" in usl ? refused : null,
      }),
    },
    plots: [
      {
        kind: "lines",
        title: messages.plot,
        x: { title: messages.workers },
        y: { title: common.achieved, min: 0 },
        series: [
          { name: { en: "Weir", zh: "Weir" }, kind: "line", points },
          {
            name: textOf(common.article, { text: messages.articlePoints }),
            kind: "points",
            points: [
              [16, 24_800],
              [32, 46_200],
              [64, 47_500],
            ],
          },
        ],
        marks: [],
      },
    ],
    data: runs.map(({ count, measured }) => ({ count, ...brief(measured) })),
  };
}
