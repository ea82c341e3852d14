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
  tlsLibrary: {
    en: "https and wss need OpenSSL 3, which is not installed",
    zh: "https 与 wss 需要 OpenSSL 3，但没有安装",
  },
  tlsLibraryHint: {
    en: "on Debian and Ubuntu: apt-get install libssl3",
    zh: "Debian 与 Ubuntu：apt-get install libssl3",
  },
  tlsSystem: {
    en: "https and wss need Linux with glibc, where sockets can be read past the runtime",
    zh: "https 与 wss 需要带 glibc 的 Linux，以便绕过运行时读写套接字",
  },
  tlsSystemHint: { en: "run the generator there", zh: "请在该系统上运行压测端" },
  tlsFile: { en: "{option}: {file} cannot be used", zh: "{option}：{file} 无法使用" },
  noHttp2: { en: "the server does not speak HTTP/2 on this port", zh: "服务器在此端口不支持 HTTP/2" },
  untrusted: {
    en: "the server's certificate is not accepted: {reason}; give its authority with --cacert, or accept any with --insecure",
    zh: "服务器证书未被接受：{reason}；请用 --cacert 指定证书颁发机构，或用 --insecure 接受任何证书",
  },
  handshakeFailed: { en: "a TLS handshake failed: {reason}", zh: "TLS 握手失败：{reason}" },
  fewStreams: {
    en: "the server allows {allowed} streams on a connection; {asked} were asked for",
    zh: "服务器每个连接只允许 {allowed} 个流，要求 {asked} 个",
  },
  upgradeRefused: { en: "the server did not open a WebSocket: {reason}", zh: "服务器没有建立 WebSocket：{reason}" },
  handshakes: { en: "handshakes", zh: "TLS 握手" },
  handshakesFull: {
    en: "{count} full, P50 {p50} P99 {p99}",
    zh: "完整 {count} 次，P50 {p50} P99 {p99}",
  },
  handshakesResumed: {
    en: "{count} resumed, P50 {p50} P99 {p99}",
    zh: "恢复 {count} 次，P50 {p50} P99 {p99}",
  },
  upgrades: { en: "WebSockets", zh: "WebSocket" },
  upgradesValue: {
    en: "{count} opened, P50 {p50} P99 {p99}",
    zh: "建立 {count} 个，P50 {p50} P99 {p99}",
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

  target: { en: "target", zh: "目标" },
  protocol: { en: "protocol", zh: "协议" },
  protocolTls: { en: "{protocol} over TLS", zh: "TLS 上的 {protocol}" },
  protocolStreams: {
    en: "{protocol}, {streams} streams on each connection",
    zh: "{protocol}，每个连接 {streams} 个流",
  },
  requests: { en: "requests", zh: "请求" },
  requestsValue: {
    en: "{requests} in {seconds} s, {rate} per second",
    zh: "{seconds} 秒内 {requests} 个，每秒 {rate} 个",
  },
  achieved: { en: "achieved", zh: "达成率" },
  achievedValue: { en: "{achieved} of {target} per second asked for", zh: "要求每秒 {target} 个，达成 {achieved}" },
  bytes: { en: "bytes", zh: "流量" },
  bytesValue: { en: "{received}/s received, {sent}/s sent", zh: "接收 {received}/秒，发送 {sent}/秒" },
  latency: { en: "latency", zh: "延迟" },
  response: { en: "response", zh: "响应" },
  service: { en: "service", zh: "服务" },
  sendLag: { en: "send lag", zh: "发送滞后" },
  wait: { en: "wait for connection", zh: "等待连接" },
  failedAnswers: { en: "bad answers", zh: "错误应答" },
  classes: { en: "by class", zh: "按类别" },
  errors: { en: "errors", zh: "错误" },
  none: { en: "none", zh: "无" },
  generator: { en: "generator", zh: "压测端" },
  generatorValue: {
    en: "processes {processes}, processor {cpu}, longest stall {stall} ms, seed {seed}",
    zh: "{processes} 个进程，处理器 {cpu}，最长停顿 {stall} 毫秒，种子 {seed}",
  },
  pacing: { en: "pacing", zh: "节拍" },
  pacingValue: {
    en: "{pacing}, at most {burst} requests at once, at most {waiting} waiting",
    zh: "{pacing}，一次最多发送 {burst} 个，最多 {waiting} 个等待",
  },
  connections: { en: "connections", zh: "连接" },
  connectionsValue: {
    en: "{count} set up in {ms} ms ({rate}/s), {total} opened in all, connect P50 {p50} P99 {p99}",
    zh: "{ms} 毫秒内建立 {count} 个（每秒 {rate} 个），共打开 {total} 个，建立耗时 P50 {p50} P99 {p99}",
  },
  ceiling: { en: "ceiling", zh: "上限" },
  ceilingValue: {
    en: "this generator can do {rate}/s against a null server; the run used {used} of it",
    zh: "压测端对空服务器可达每秒 {rate} 个；本次运行使用了其中的 {used}",
  },
  verdict: { en: "verdict", zh: "结论" },
  verdict_passed: { en: "PASSED", zh: "通过" },
  verdict_failed: { en: "FAILED", zh: "未通过" },
  verdict_void: { en: "VOID: this run proves nothing about the target", zh: "作废：本次运行不能说明目标的性能" },
  verdict_interrupted: { en: "INTERRUPTED: what was measured until then", zh: "已中断：以上为中断前的测量" },
  note: { en: "note", zh: "注意" },

  mergedFailed: { en: "a threshold fails for the merged result", zh: "合并后的结果未满足阈值" },

  sweepRate: { en: "asked/s", zh: "要求/秒" },
  sweepConnections: { en: "connections", zh: "连接数" },
  sweepAchieved: { en: "achieved/s", zh: "达成/秒" },
  sweep_passed: { en: "passed", zh: "通过" },
  sweep_failed: { en: "FAILED", zh: "未通过" },
  sweep_void: { en: "VOID", zh: "作废" },
  sweep_interrupted: { en: "interrupted", zh: "中断" },

  answers: { en: "answers", zh: "应答" },
  asked: { en: "asked for", zh: "要求" },
  chartRate: { en: "Rate over time", zh: "速率随时间变化" },
  chartPerSecond: { en: "per second", zh: "每秒" },
  chartLatency: { en: "Response time over time", zh: "响应时间随时间变化" },
  chartHeatMap: {
    en: "Response times: seconds across, latency up, darker is more",
    zh: "响应时间热力图：横轴为秒，纵轴为延迟，颜色越深越多",
  },
  chartPercentiles: { en: "Response time by percentile", zh: "响应时间百分位曲线" },
  chartSweepRate: { en: "Response time against offered rate", zh: "响应时间与负载速率" },
  chartSweepConnections: { en: "Response time against connections", zh: "响应时间与连接数" },

  startOpen: {
    en: "{name}: {arrivals} arrivals for {seconds} over {connections} connections, client processes {processes}, seed {seed}",
    zh: "{name}：{arrivals} 到达，持续 {seconds}，{connections} 个连接，{processes} 个进程，种子 {seed}",
  },
  startClosed: {
    en: "{name}: closed loop for {seconds} over {connections} connections, client processes {processes}, seed {seed}",
    zh: "{name}：闭环，持续 {seconds}，{connections} 个连接，{processes} 个进程，种子 {seed}",
  },
  opening: { en: "opening {connections} connections", zh: "正在打开 {connections} 个连接" },
  measuringCeiling: {
    en: "measuring the generator's ceiling, {seconds} s",
    zh: "正在测量压测端上限，{seconds} 秒",
  },
  timeLeft: { en: "{left} left", zh: "剩余 {left}" },
  rate: { en: "rate", zh: "速率" },
  perSecond: { en: "{rate} per second", zh: "每秒 {rate}" },
  rateOf: { en: "{rate} of {asked} per second", zh: "每秒 {rate} / {asked}" },
  healthLive: {
    en: "processor {cpu}, stall {stall} ms, {waiting} waiting, {connections} connections",
    zh: "处理器 {cpu}，停顿 {stall} 毫秒，{waiting} 个等待，{connections} 个连接",
  },
  plainSecond: {
    en: "{second}/{total} s {rate}/s  P50 {p50}  P99 {p99}  max {max}  errors {errors}",
    zh: "{second}/{total} 秒 {rate}/秒  P50 {p50}  P99 {p99}  最大 {max}  错误 {errors}",
  },
});
