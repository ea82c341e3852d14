/** What the commands that run and operate a gateway say to people. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  listens: { en: "listener {name}: {address}", zh: "监听器 {name}：{address}" },
  example: { en: "behind it, the example exchange: http://{address}", zh: "后端为示例交易所：http://{address}" },
  metrics: { en: "metrics: {address}", zh: "指标：{address}" },
  admin: {
    en: "operate it: weir status | reload | restart | drain{file} ({address})",
    zh: "运维：weir status | reload | restart | drain{file}（{address}）",
  },
  tryIt: { en: "try: {command}", zh: "试一试：{command}" },
  exampleListens: { en: "the example exchange listens on {address}", zh: "示例交易所监听 {address}" },
  done: {
    en: "{operation} done in {tookMs} ms: configuration {revision} in force, generation {generation} serves",
    zh: "{operation} 完成，用时 {tookMs} 毫秒：配置版本 {revision} 已生效，第 {generation} 代正在服务",
  },
  unchanged: {
    en: "nothing to do: configuration {revision} is what the file says",
    zh: "无需操作：配置版本 {revision} 与文件一致",
  },
  drainBegun: {
    en: "the gateway accepts no more and finishes its requests",
    zh: "网关不再接受新连接，正在完成未结束的请求",
  },
  refused: {
    en: "{operation} refused; configuration {revision} stays in force",
    zh: "{operation} 被拒绝；配置版本 {revision} 继续有效",
  },
  statusReady: {
    en: "weir {version} (process {pid}) is {state} and ready, up {uptime}; configuration {revision} of {file}, generation {generation}",
    zh: "weir {version}（进程号 {pid}）状态 {state}，已就绪，运行 {uptime}；配置 {file} 版本 {revision}，第 {generation} 代",
  },
  statusNotReady: {
    en: "weir {version} (process {pid}) is {state} and NOT ready, up {uptime}; configuration {revision} of {file}, generation {generation}",
    zh: "weir {version}（进程号 {pid}）状态 {state}，未就绪，运行 {uptime}；配置 {file} 版本 {revision}，第 {generation} 代",
  },
  statusConnections: {
    en: "connections: {client} from clients, {upstream} to upstreams ({upstreamIdle} idle); {requests} requests, {crashes} worker crashes",
    zh: "连接：客户端 {client}，上游 {upstream}（空闲 {upstreamIdle}）；请求 {requests}，工作进程崩溃 {crashes}",
  },
  statusClock: {
    en: "clock: {state} ({cause}, {for}), {offset} s from trusted time, which is right within {error} s; {steps} steps seen",
    zh: "时钟：{state}（{cause}，{for}），与可信时间相差 {offset} 秒，误差不超过 {error} 秒；已发现 {steps} 次跳变",
  },
  lastRefused: { en: "the last {operation} was refused at {at}:", zh: "上一次 {operation} 在 {at} 被拒绝：" },
  addressWrong: { en: '"{text}" is no address to listen on', zh: "“{text}”不是可监听的地址" },
  behaviourWrong: { en: '"{text}" is no behaviour of the example exchange', zh: "示例交易所没有“{text}”这种行为" },
});
