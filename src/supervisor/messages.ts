/** What the supervisor says to people. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  serving: {
    en: "generation {generation} serves with {workers} workers after {tookMs} ms (configuration {revision})",
    zh: "第 {generation} 代已启动：{workers} 个工作进程，用时 {tookMs} 毫秒（配置版本 {revision}）",
  },
  workerEnded: {
    en: "worker {worker} (process {pid}) ended: {reason}; replaced in {delayMs} ms ({crashes} in a row)",
    zh: "工作进程 {worker}（进程号 {pid}）已退出：{reason}；{delayMs} 毫秒后替换（连续 {crashes} 次）",
  },
  workerReplaced: {
    en: "worker {worker} serves again as process {pid}, {tookMs} ms after the other one ended",
    zh: "工作进程 {worker} 已恢复，进程号 {pid}，距上一个退出 {tookMs} 毫秒",
  },
  workerStuck: {
    en: "worker {worker} (process {pid}) has not answered for {seconds} s and is killed",
    zh: "工作进程 {worker}（进程号 {pid}）已 {seconds} 秒无响应，将被终止",
  },
  workerSays: { en: "worker process {pid}: {line}", zh: "工作进程（进程号 {pid}）：{line}" },
  endedBySignal: { en: "signal {signal}", zh: "信号 {signal}" },
  endedWithCode: { en: "exit code {code}", zh: "退出码 {code}" },
  workerNotReady: {
    en: "Worker {worker} did not become ready: {reason}.",
    zh: "工作进程 {worker} 未能就绪：{reason}。",
  },
  workerNotReadyHint: {
    en: "What the worker printed on stderr says why; the workers that were serving go on.",
    zh: "原因见该工作进程在标准错误输出的内容；原有工作进程继续服务。",
  },
  tooSlow: { en: "it took longer than {seconds} s", zh: "超过 {seconds} 秒" },
  notPrepared: {
    en: "Worker {worker} could not take the new configuration: {reason}. All workers keep the old one.",
    zh: "工作进程 {worker} 无法采用新配置：{reason}。所有工作进程保留旧配置。",
  },
  draining: {
    en: "generation {generation} finishes its requests, for {seconds} s at most",
    zh: "第 {generation} 代正在完成未结束的请求，最多 {seconds} 秒",
  },
  drained: {
    en: "generation {generation} has ended after {tookMs} ms; {forced} connections were cut",
    zh: "第 {generation} 代已结束，用时 {tookMs} 毫秒；强制关闭连接 {forced} 个",
  },
  reloaded: {
    en: "configuration {revision} is in force in every worker ({tookMs} ms)",
    zh: "配置版本 {revision} 已在所有工作进程生效（{tookMs} 毫秒）",
  },
  unchanged: { en: "the configuration has not changed", zh: "配置没有变化" },
  refused: {
    en: "{operation} refused, configuration {revision} stays: {problem}",
    zh: "{operation} 被拒绝，配置版本 {revision} 保持不变：{problem}",
  },
  stopping: { en: "stopping: no new connection is accepted", zh: "正在停止：不再接受新连接" },
  stopped: { en: "stopped", zh: "已停止" },
  forcing: { en: "asked again: what is still open is cut", zh: "再次收到请求：立即关闭剩余连接" },
  isStopping: { en: "The gateway is stopping.", zh: "网关正在停止。" },
  beingWritten: {
    en: "{file} is still being written: it changed again and again for {seconds} s.",
    zh: "{file} 仍在写入：{seconds} 秒内不断变化。",
  },
  beingWrittenHint: {
    en: "Write a new file beside it and rename it into place, then reload.",
    zh: "请先写入临时文件再改名替换，然后重新加载。",
  },
  tooManyWorkers: {
    en: "{wanted} workers are more than the {room} that this process has made room for.",
    zh: "{wanted} 个工作进程超出了本进程预留的 {room} 个。",
  },
  tooManyWorkersHint: { en: "Stop `weir serve` and start it again.", zh: "请停止并重新启动 weir serve。" },
  tooFewDescriptors: {
    en: "A worker may open {limit} descriptors; {connections} connections over {workers} workers need up to {needed}.",
    zh: "每个工作进程最多可打开 {limit} 个描述符；{workers} 个工作进程承载 {connections} 个连接最多需要 {needed} 个。",
  },
  tooFewDescriptorsHint: {
    en: "Raise the hard limit (`ulimit -Hn`, or LimitNOFILE= in the service file), or set limits.connectionsMax to {affordable}.",
    zh: "请提高硬上限（ulimit -Hn，或服务文件中的 LimitNOFILE=），或将 limits.connectionsMax 设为 {affordable}。",
  },
  fewerConnections: {
    en: "a worker may open {limit} descriptors, so at most {affordable} connections are accepted instead of {connections}; raise the hard limit of open files for more",
    zh: "每个工作进程最多可打开 {limit} 个描述符，因此最多接受 {affordable} 个连接（而非 {connections} 个）；如需更多，请提高打开文件数的硬上限",
  },
  notPinned: {
    en: "worker {worker} could not be bound to core {cpu}: {reason}",
    zh: "工作进程 {worker} 无法绑定到核心 {cpu}：{reason}",
  },
  adminListens: { en: "the admin interface answers on {address}", zh: "管理接口地址：{address}" },
  noGateway: { en: "No running gateway was found.", zh: "没有找到正在运行的网关。" },
  noGatewayHint: {
    en: "Start one with `weir serve`, or say where its admin interface is: --admin PATH, or the configuration file.",
    zh: "请用 weir serve 启动，或指明管理接口：--admin 路径，或给出配置文件。",
  },
  severalGateways: {
    en: "{count} gateways are running; say which one.",
    zh: "有 {count} 个网关正在运行，请指明是哪一个。",
  },
  noAnswer: { en: "No gateway answers on {address}.", zh: "{address} 上没有网关应答。" },
  unauthorized: { en: "The gateway on {address} wants a token.", zh: "{address} 上的网关需要令牌。" },
  unauthorizedHint: {
    en: "Set WEIR_ADMIN_TOKEN, or give the configuration file that names the token.",
    zh: "请设置 WEIR_ADMIN_TOKEN，或给出写明令牌位置的配置文件。",
  },
  adminAddressWrong: { en: '"{text}" is no address of an admin interface.', zh: "“{text}”不是管理接口的地址。" },
});
