/** What the load generator says to people. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  voidSendLag: {
    en: "requests left late: P99 of the send lag is {lag} ms, the limit is {limit} ms; use more processes or a lower rate",
    zh: "请求发送滞后：发送滞后 P99 为 {lag} 毫秒，上限 {limit} 毫秒；请增加进程数或降低速率",
  },
  voidCpu: {
    en: "client process {process} used {percent} % of its core: the generator was the limit; use more processes or machines",
    zh: "客户端进程 {process} 占用其核心的 {percent} %：压测端成为瓶颈；请增加进程数或机器",
  },
  voidStall: {
    en: "client process {process} stood still for {ms} ms; the limit is {limit} ms",
    zh: "客户端进程 {process} 停顿 {ms} 毫秒，上限 {limit} 毫秒",
  },
  voidPorts: {
    en: "{count} connections found no free local port; give more source addresses (--source)",
    zh: "{count} 个连接没有可用的本地端口；请提供更多源地址（--source）",
  },
  voidDescriptors: {
    en: "client process {process} needs {needed} descriptors and may have {limit}; use more processes or raise the limit",
    zh: "客户端进程 {process} 需要 {needed} 个描述符，上限为 {limit}；请增加进程数或提高上限",
  },
  voidNothing: {
    en: "nothing was answered, so there is nothing to measure",
    zh: "没有收到任何应答，无法测量",
  },
  voidProcessEnded: {
    en: "client process {process} ended before its time (exit code {code})",
    zh: "客户端进程 {process} 提前退出（退出码 {code}）",
  },
  warnCpuWait: {
    en: "client process {process} waited {percent} % of the time for a processor: other programs share its cores",
    zh: "客户端进程 {process} 有 {percent} % 的时间在等待处理器：其他程序与其共用核心",
  },
  warnConnections: {
    en: "only {open} of {asked} connections could be opened",
    zh: "{asked} 个连接中只打开了 {open} 个",
  },
  warnCeiling: {
    en: "the run used {percent} % of what this generator can do",
    zh: "本次运行使用了压测端能力的 {percent} %",
  },
  failedThreshold: { en: "{expression}: it was {value}", zh: "{expression}：实际为 {value}" },
  unknown: { en: "not measured", zh: "未测得" },
});
