/** Words that several experiments share. */
import { defineMessages } from "../../base/mod.ts";

export const common = defineMessages({
  voided: {
    en: "the load generator was the limit, so the run proves nothing: {reasons}",
    zh: "压测端成为瓶颈，本次运行不能作为证据：{reasons}",
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
