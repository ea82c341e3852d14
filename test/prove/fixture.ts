/** A report with one of everything, made of plain data: what the page is drawn and looked at with, without a run. */
import type { ExperimentResult, ReportDocument } from "../../src/prove/mod.ts";

const text = (en: string, zh: string): { en: string; zh: string } => ({ en, zh });

const experiment: ExperimentResult = {
  name: "knee",
  title: text("Knee: how much it takes <with> P99 within 10 ms", "拐点：P99 不超过 10 毫秒时的最大负载"),
  status: "measured",
  reason: null,
  limiter: text("the machine: all 2 cores 98 % busy", "机器：2 个核心忙碌 98 %"),
  method: text("Open-loop trials at constant rates.", "以恒定速率进行开环试验。"),
  notes: [text("the cross-checks agree", "交叉验证一致")],
  tookSeconds: 60,
  data: null,
  figures: {
    knee_per_second: {
      title: text("knee", "拐点"),
      value: 41_250,
      unit: "req/s",
      interval: [41_250, 44_100],
      reason: null,
      hindrance: null,
      floor: null,
    },
    kneedle_per_second: {
      title: text("bend of the curve", "曲线弯折处"),
      value: null,
      unit: "req/s",
      interval: null,
      reason: text("the curve has no bend", "曲线没有弯折"),
      hindrance: null,
      floor: null,
    },
  },
  tables: [
    {
      title: text("Trials", "各次试验"),
      head: [text("rate", "速率"), text("P99 ms", "P99 毫秒")],
      rows: [
        ["10,000", "1.2"],
        ["40,000", "8.9"],
      ],
    },
  ],
  plots: [
    {
      kind: "lines",
      title: text("How does latency grow with the rate?", "延迟如何随速率增长？"),
      x: { title: text("rate", "速率") },
      y: { title: text("ms", "毫秒"), isLog: true },
      right: { title: text("answers per second", "每秒应答数"), min: 0 },
      series: [
        { name: text("P50", "P50"), kind: "line", points: [1, 2, 3, 4, 5].map((x) => [x * 8000, 0.2 * x]) },
        { name: text("P99", "P99"), kind: "line", points: [1, 2, 3, 4, 5].map((x) => [x * 8000, 0.5 * 2 ** x]) },
        { name: text("article", "文章"), kind: "points", points: [[42_600, 8.3]] },
        {
          name: text("answers", "应答"),
          kind: "line",
          isDashed: true,
          onRight: true,
          points: [1, 2, 3, 4, 5].map((x) => [x * 8000, x * 7990]),
        },
      ],
      marks: [{ axis: "y", at: 10, title: text("goal 10 ms", "目标 10 毫秒") }],
    },
    {
      kind: "lines",
      title: text("How long are the pauses?", "停顿有多长？"),
      x: { title: text("pause (ms)", "停顿（毫秒）"), categories: ["≤ 0.1", "≤ 0.5", "≤ 1"] },
      y: { title: text("pauses", "停顿次数"), min: 0 },
      series: [
        {
          name: text("pauses", "停顿次数"),
          kind: "bars",
          points: [
            [0, 12],
            [1, 30],
            [2, 4],
          ],
        },
      ],
      marks: [],
    },
    {
      kind: "heat",
      title: text("latency over time", "延迟随时间的分布"),
      x: { title: text("s", "秒") },
      cells: Array.from({ length: 200 }, (_, index) => [index % 20, 100 * 2 ** Math.floor(index / 20), 1 + index * 7]),
    },
  ],
};

const verdicts = [
  ["W-01", "pass", text("P99 within 10 ms", "P99 不超过 10 毫秒"), 41_250, ">= 40,000 req/s"],
  ["I-03", "fail", text("80,000 requests/s without error", "80,000 TPS 无错误"), 38_000, ">= 80,000 req/s"],
  ["I-09", "not-measured", text("Partition with clock skew", "网络分区叠加时钟偏移"), null, null],
] as const;

export const exampleReport: ReportDocument = {
  schema: "weir-prove-report/1",
  verdict: "fail",
  comparison: null,
  experiments: [experiment],
  indicators: verdicts.map(([id, verdict, title, value, threshold]) => {
    const reason = verdict === "pass" ? null : text("rate held is 38,000 req/s", "保持的速率为 38,000 req/s");
    const limiter = text("the machine: all 2 cores 98 % busy", "机器：2 个核心忙碌 98 %");
    const blemish =
      verdict === "pass" ? text("holds although the load generator was late", "压测端发送滞后，但仍成立") : null;
    return {
      id,
      verdict,
      title: title.en,
      limiter: limiter.en,
      reason: reason?.en ?? null,
      blemish: blemish?.en ?? null,
      texts: { title, limiter, reason, blemish },
      isApplicable: id !== "I-09",
      experiment: "knee",
      figure: value,
      unit: value === null ? null : "req/s",
      interval: null,
      threshold,
      assertions: [],
      source: text("article", "文章"),
      article: text("42,600 requests/s on 32 cores", "32 核 42,600 RPS"),
      evidence: [],
    };
  }),
  run: {
    startedAt: "2026-11-24T00:00:00.000Z",
    tookSeconds: 290,
    profile: "quick",
    seed: 1,
    target: { kind: "weir", name: "Weir" },
    workersCount: 1,
    soakPerSecond: 80_000,
    command: "./weir prove --profile quick --seed 1",
    isInterrupted: false,
    generatorCeiling: 150_000,
    weaknesses: [text("this is a virtual machine", "这是虚拟机")],
    machine: {
      host: "example",
      kernel: "linux 6.1",
      processor: "Example processor",
      cores: 2,
      memoryBytes: 16e9,
      isVirtual: true,
      governor: null,
      isAwake: true,
      descriptorsMax: 20_000,
      somaxconn: 4096,
      localPorts: "32768-60999",
      tcpTwReuse: 2,
      loadAverage: 0.1,
      busyRatio: 0.02,
      stillness: { wakeMsP99: 0.06, wakeMsMax: 0.4, takenRatio: 0.0004, takenMsMax: 0.1 },
      weir: "0.1.0",
      runtime: "Bun 1.4.5",
      commit: null,
    },
  },
};
