/** Memory of idle connections: what the gateway's processes hold with 50,000 of them more than without. */
import { defineMessages } from "../../base/mod.ts";
import type { Context } from "../context.ts";
import { readUse } from "../machine/mod.ts";
import { brief } from "../measure.ts";
import { emptyOutcome, figure, notMeasured, type Outcome, type Plot } from "../result.ts";
import { median, type Point } from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";
import { type CrowdSize, crowdSize, missingConnections, runCrowd } from "./crowd.ts";
import type { Experiment } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  title: { en: "Memory: what 50,000 connections add", zh: "内存：50,000 个连接增加多少" },
  method: {
    en: "Resident memory of all gateway processes (from /proc) is read after a warm-up with few connections, then 50,000 connections are opened and each is used about once, and it is read again at the end, as the median of the last seconds. The difference is divided by the connections. Kernel memory of sockets is not part of it.",
    zh: "先用少量连接热身，读取所有网关进程的常驻内存（/proc）；随后打开 50,000 个连接，每个约使用一次，再取末尾数秒中位数，两者之差除以连接数。内核套接字内存不计入。",
  },
  added: { en: "memory added by 50,000 connections", zh: "50,000 连接新增内存" },
  each: { en: "memory of one connection", zh: "每连接内存" },
  base: { en: "memory before", zh: "之前的内存" },
  opening: { en: "opening {count} connections", zh: "正在建立 {count} 个连接" },
  plot: {
    en: "How does memory grow while 50,000 connections open and are used?",
    zh: "建立并使用 50,000 个连接时内存如何增长？",
  },
  articleText: { en: "fasthttp +326 MB", zh: "fasthttp +326 MB" },
});

const idleCount = 50_000;
/** Seconds at the end whose median is taken; their range is the interval. */
const samplesAfter = 3;

export const memory: Experiment = {
  name: "memory",
  title: messages.title,
  method: messages.method,
  needs: "any",
  estimateSeconds: ({ memorySettleMs }) => memorySettleMs / 1000 + 13,
  run: async (context) => {
    const size = crowdSize(context, idleCount);
    if (!("count" in size)) return notMeasured(size);
    return await context.withTarget(size.options, (target) => weigh(context, target, size));
  },
};

async function weigh(context: Context, target: Target, size: CrowdSize): Promise<Outcome> {
  await context.warm(target, { durationMs: 2000 });
  const ids = await target.workerIds();
  const before = readUse(ids)?.residentBytes ?? null;
  if (before === null) return notMeasured(common.unseen);
  context.step(textOf(messages.opening, { count: idleCount }));
  const samples: Point[] = [];
  const sample = (): void => {
    const use = readUse(ids);
    if (use !== null) samples.push([samples.length, use.residentBytes]);
  };
  const durationMs = context.profile.memorySettleMs;
  const perSecond = Math.min(8000, idleCount / (durationMs / 1000));
  const measured = await runCrowd(context, target, size, perSecond, durationMs, { onSecond: sample });
  const missing = missingConnections(measured, idleCount);
  if (missing !== null) return notMeasured(missing, { data: brief(measured) });
  const last = samples.slice(-samplesAfter).map(([, bytes]) => bytes);
  const added = median(last) - before;
  const ends = [Math.min(...last) - before, Math.max(...last) - before] as const;
  const interval = (scale: number): readonly [number, number] => [ends[0] / scale, ends[1] / scale];
  return {
    ...emptyOutcome,
    figures: {
      memory_mb_added: figure(messages.added, added / 1e6, "MB", { interval: interval(1e6) }),
      memory_bytes_per_connection: figure(messages.each, added / idleCount, "B", { interval: interval(idleCount) }),
      memory_mb_before: figure(messages.base, before / 1e6, "MB"),
    },
    plots: [memoryPlot(samples, before, messages.articleText)],
    data: { before, samples, workers: ids.length, run: brief(measured) },
  };
}

function memoryPlot(samples: readonly Point[], before: number, articleText: Text): Plot {
  return {
    kind: "lines",
    title: messages.plot,
    x: { title: common.time },
    y: { title: common.memory, min: 0 },
    series: [{ name: common.memory, kind: "line", points: samples.map(([second, bytes]) => [second, bytes / 1e6]) }],
    marks: [
      { axis: "y", at: before / 1e6, title: messages.base },
      { axis: "y", at: before / 1e6 + 326, title: textOf(common.article, { text: articleText }) },
    ],
  };
}
