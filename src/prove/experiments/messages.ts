/** Words that several experiments share. */
import { defineMessages } from "../../base/mod.ts";

export const common = defineMessages({
  voided: {
    en: "the load generator was the limit, so the run proves nothing: {reasons}",
    zh: "压测端成为瓶颈，本次运行不能作为证据：{reasons}",
  },
  nothing: { en: "nothing was answered", zh: "没有应答" },
  few: {
    en: "this percentile needs {needed} answers, there were {count}",
    zh: "该分位数需要 {needed} 个应答，实际 {count} 个",
  },
  littleHolds: {
    en: "Little's law holds: rate times time in flight gives {expected} requests in flight, {observed} connections waited ({percent} % off)",
    zh: "Little 定律成立：速率乘以在途时间得 {expected} 个在途请求，实际 {observed} 个连接在等待（差 {percent} %）",
  },
  littleFails: {
    en: "Little's law does not hold: rate times time in flight gives {expected} requests in flight where {observed} connections waited ({percent} % off); requests were lost or a clock is wrong",
    zh: "Little 定律不成立：速率乘以在途时间得 {expected} 个在途请求，而实际有 {observed} 个连接在等待（差 {percent} %）；有请求丢失或时钟有误",
  },
  settled: {
    en: "the first {seconds} s after the warm-up still moved and are left out of percentiles (MSER-5)",
    zh: "热身后前 {seconds} 秒仍在变化，不计入分位数（MSER-5）",
  },
  unsteady: {
    en: "the run never settled (MSER-5): P99 still drifted in its second half",
    zh: "运行未进入稳态（MSER-5）：P99 在后半程仍在漂移",
  },
  rate: { en: "rate asked for (requests per second)", zh: "请求速率（每秒）" },
  achieved: { en: "answers per second", zh: "每秒应答数" },
  latency: { en: "response time", zh: "响应时间" },
  time: { en: "time (s)", zh: "时间（秒）" },
  errors: { en: "errors", zh: "错误" },
  connections: { en: "connections", zh: "连接数" },
  memory: { en: "resident memory (MB)", zh: "常驻内存（MB）" },
  goal: { en: "goal 10 ms", zh: "目标 10 毫秒" },
  article: { en: "article: {text}", zh: "文章：{text}" },
  atRate: { en: "at {rate} requests/s", zh: "每秒 {rate} 个请求" },
  heat: { en: "latency over time", zh: "延迟随时间的分布" },
  fewDescriptors: {
    en: "a process may have {limit} descriptors here; {count} connections need {workers} workers and as many client processes, and more than {max} of either are not started",
    zh: "本机单进程最多 {limit} 个描述符；{count} 个连接需要 {workers} 个工作进程及同样多的客户端进程，而两者均不超过 {max} 个",
  },
  opened: { en: "only {open} of {asked} connections could be opened", zh: "仅建立了 {open} / {asked} 个连接" },
  remote: {
    en: "{count} connections need more local ports than one address has; only a target on this machine can be reached from several",
    zh: "{count} 个连接超出单个地址的本地端口数；只有本机目标可从多个地址连接",
  },
  unseen: {
    en: "the gateway's processes cannot be seen; name them with --pid",
    zh: "无法观察网关进程；请用 --pid 指定",
  },
});
