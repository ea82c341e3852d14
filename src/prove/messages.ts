/** What `weir prove` says to people while it runs and in its table; experiments and the page have their own. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  machine: {
    en: "machine: {processor}, {cores} cores, {kernel}, {runtime}",
    zh: "机器：{processor}，{cores} 核，{kernel}，{runtime}",
  },
  warning: { en: "note: {text}", zh: "注意：{text}" },
  target: { en: "target: {name}", zh: "被测目标：{name}" },
  seed: { en: "profile {profile}, seed {seed}", zh: "档位 {profile}，随机种子 {seed}" },
  begins: { en: "[{index}/{count}] {title}", zh: "[{index}/{count}] {title}" },
  timeLeft: { en: "about {left} left", zh: "剩余约 {left}" },
  step: { en: "  {text} ({left})", zh: "  {text}（{left}）" },
  figure: { en: "  {title}: {value}", zh: "  {title}：{value}" },
  noFigure: { en: "  {title}: not measured, {why}", zh: "  {title}：未测得，{why}" },
  limiter: { en: "  limited by: {text}", zh: "  瓶颈：{text}" },
  limitedBy: { en: "limited by: {text}", zh: "瓶颈：{text}" },
  reason: { en: "  not measured: {text}", zh: "  未能测量：{text}" },
  reservation: { en: "  with a reservation: {text}", zh: "  保留说明：{text}" },
  interrupted: { en: "interrupted; what was measured is reported", zh: "已中断；报告包含已测部分" },
  cutShort: { en: "the run was interrupted before it was done", zh: "运行在其完成前被中断" },
  headIndicator: { en: "indicator", zh: "指标" },
  headVerdict: { en: "verdict", zh: "结论" },
  headFigure: { en: "figure", zh: "实测" },
  headThreshold: { en: "threshold", zh: "门槛" },
  headLimiter: { en: "limited by / reason", zh: "瓶颈 / 原因" },
  pass: { en: "pass", zh: "通过" },
  fail: { en: "FAIL", zh: "未通过" },
  "not-measured": { en: "not measured", zh: "未测量" },
  notYet: { en: "not built yet", zh: "尚未实现" },
  notHere: { en: "does not apply", zh: "不适用" },
  written: { en: "written: {files}", zh: "已写入：{files}" },
  counts: {
    en: "{pass} passed, {fail} failed, {open} not measured",
    zh: "{pass} 项通过，{fail} 项未通过，{open} 项未测量",
  },
  countsWithOthers: {
    en: "{pass} passed, {fail} failed, {open} not measured; {others} more cannot be measured yet or do not apply",
    zh: "{pass} 项通过，{fail} 项未通过，{open} 项未测量；另有 {others} 项尚无法测量或不适用",
  },
  took: { en: "{counts}, in {took}", zh: "{counts}，用时 {took}" },
  generatorLimit: {
    en: "the load generator: {reasons}",
    zh: "压测端：{reasons}",
  },
  lateGenerator: {
    en: "the load generator was late (P99 of the send lag {lag} ms, longest stall {stall} ms; {achieved} % of the schedule answered)",
    zh: "压测端发送滞后（发送滞后 P99 {lag} 毫秒，最长停顿 {stall} 毫秒；计划请求的 {achieved} % 已应答）",
  },
  disturbed: {
    en: "other programs used {percent} % of the machine",
    zh: "其他程序占用了机器的 {percent} %",
  },
  standstill: {
    en: "processors stood still for {percent} % of the time, up to {max} ms at once (a virtual machine's host takes them away)",
    zh: "处理器停顿占 {percent} % 的时间，单次最长 {max} 毫秒（虚拟机的宿主机会抢占处理器）",
  },
  slowGenerator: {
    en: "the load generator was slow (a client used {percent} % of its core, longest stall {stall} ms)",
    zh: "压测端过慢（一个客户端占用其核心的 {percent} %，最长停顿 {stall} 毫秒）",
  },
  gatewayLimit: {
    en: "the gateway's processor time: {percent} % of a core for each of {workers} workers",
    zh: "网关处理器时间：{workers} 个工作进程各占 {percent} % 核心",
  },
  upstreamLimit: {
    en: "the example upstream: its process used {percent} % of a core",
    zh: "示例上游：其进程占用 {percent} % 核心",
  },
  machineLimit: {
    en: "the machine: all {cores} cores {percent} % busy, shared by generator ({generator} % of a core), gateway ({gateway} %), upstream ({upstream} %) and other programs ({others} %)",
    zh: "机器：{cores} 个核心忙碌 {percent} %，由压测端（占单核 {generator} %）、网关（{gateway} %）、上游（{upstream} %）与其他程序（{others} %）共用",
  },
  latencyLimit: {
    en: "nothing ran out: latency rose while processors were {percent} % busy",
    zh: "没有资源耗尽：处理器忙碌 {percent} % 时延迟上升",
  },
  unknownLimit: { en: "unknown: the target's processes cannot be seen from here", zh: "未知：无法观察目标进程" },
});
