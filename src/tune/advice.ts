/** Why each setting matters to a gateway, and what it may cost, in both languages. */
import { defineMessages, type Message } from "../base/mod.ts";

export interface Advice {
  readonly why: Message;
  readonly risk: Message;
}

const noRisk: Message = { en: "none known", zh: "无已知风险" };

export const why = defineMessages({
  descriptors: {
    en: "each client and each upstream connection takes one; 100,000 clients need more than 200,000 in all workers together, 1,024 end at 1,000",
    zh: "每个客户端连接和每个上游连接各占一个；十万客户端共需二十万以上，默认 1024 个只够一千连接",
  },
  nrOpen: { en: "no limit of descriptors can be set above this", zh: "描述符上限不能超过此值" },
  fileMax: { en: "descriptors of the whole machine", zh: "整机描述符总数" },
  somaxconn: {
    en: "cuts the accept queue of every listener; a burst that finds it full waits a second for its next SYN",
    zh: "限制每个监听器的全连接队列；队列满时的突发连接要等一秒后重发 SYN",
  },
  synBacklog: {
    en: "handshakes not yet finished; beyond it the kernel answers with SYN cookies, which forget TCP options",
    zh: "未完成握手的队列；超过后内核改用 SYN cookie，会丢失 TCP 选项",
  },
  twReuse: {
    en: "outgoing connections may reuse a port in TIME_WAIT after a second; without it 28,000 ports allow 470 new connections a second to one address (TIME_WAIT is 60 s, fixed in Linux). 2, the default, does so on loopback alone",
    zh: "主动连接可在一秒后复用 TIME_WAIT 端口；否则 28000 个端口对同一地址每秒仅能新建约 470 个连接（Linux 的 TIME_WAIT 固定 60 秒）。默认值 2 只对回环生效",
  },
  portRange: {
    en: "local ports for outgoing connections to one upstream address: 28,232 by default, 55,296 as wanted",
    zh: "到同一上游地址可用的本地端口：默认 28232 个，建议 55296 个",
  },
  migrateRequests: {
    en: "connections that wait at a listener that closes move to another of the same port instead of being reset",
    zh: "监听器关闭时，排队中的连接转给同端口的其他监听器，而不是被重置",
  },
  finTimeout: {
    en: "how long FIN_WAIT_2 lasts for sockets nobody owns any more. It is not TIME_WAIT, which no setting shortens; lowering it does nothing for a gateway",
    zh: "无主套接字停留在 FIN_WAIT_2 的时间。它不是 TIME_WAIT（后者无法调短）；对网关调低没有用处",
  },
  slowStart: {
    en: "a kept connection that was idle for a moment starts slowly again: an answer of more than 14 KB takes another round trip",
    zh: "保持的连接空闲片刻后重新慢启动：超过 14 KB 的应答要多一个往返",
  },
  busyPoll: {
    en: "sockets poll the network card for so many microseconds before they sleep: some microseconds less latency on real cards, none on loopback or most virtual ones; a listener can ask for it by itself (busyPoll)",
    zh: "套接字睡眠前先轮询网卡若干微秒：真实网卡可省几微秒，回环和多数虚拟网卡无效；监听器也可单独设置（busyPoll）",
  },
  receiveSteering: {
    en: "a card with fewer receive queues than there are cores has its packets handled by few cores; steering spreads them",
    zh: "网卡接收队列少于核心数时，收包集中在少数核心；RPS 将其分散",
  },
  netdevBacklog: {
    en: "packets that wait for a core; only worth raising when some were dropped (second column of /proc/net/softnet_stat)",
    zh: "等待某核心处理的数据包队列；仅在出现丢弃（/proc/net/softnet_stat 第二列）时值得调大",
  },
  qdisc: {
    en: "lanes mark their sockets by SO_PRIORITY: pfifo_fast, prio, and fq since Linux 6.7 serve the important first, fq_codel and others do not",
    zh: "车道用 SO_PRIORITY 标记套接字：pfifo_fast、prio 和 Linux 6.7 起的 fq 优先发送重要流量，fq_codel 等不会",
  },
  governor: {
    en: "a processor that saves power answers the first request after a pause slowly",
    zh: "省电模式的处理器在空闲后首个请求变慢",
  },
  wakeLatency: {
    en: "a processor that fell asleep between two requests is ready again late, on a virtual machine after a way through its host: woken after 30 us instead of 15, and a gateway at half load used a tenth more of its processor. It holds while a program has the file open; weir prove does, and says so",
    zh: "两次请求之间睡眠的处理器唤醒较慢，虚拟机还要经过宿主机：唤醒约 30 微秒，保持唤醒则约 15 微秒，半载的网关多用约十分之一处理器。该设置仅在有程序打开此文件时有效；weir prove 会打开并在报告中注明",
  },
  timerSlack: {
    en: "by how much the kernel may delay timers to save wake-ups; 50 us matter only where a latency below 100 us does",
    zh: "内核为减少唤醒可推迟定时器的时间；50 微秒只在追求 100 微秒以下延迟时才有意义",
  },
  hugePages: {
    en: "`always` gives huge pages to heaps that use them in part: memory grows, and compaction stops a process for milliseconds",
    zh: "always 会给只部分使用的堆分配大页：内存增长，整理内存会让进程停顿数毫秒",
  },
});

export const risk = defineMessages({
  none: noRisk,
  descriptors: { en: "a program that leaks is noticed later", zh: "泄漏的程序会更晚被发现" },
  memory: { en: "some kernel memory under attack or burst", zh: "攻击或突发时占用更多内核内存" },
  twReuse: {
    en: "needs TCP timestamps on both sides; safe with them (RFC 6191)",
    zh: "需要两端启用 TCP 时间戳；启用时是安全的（RFC 6191）",
  },
  portRange: {
    en: "a service started later may find its port taken: name it in ip_local_reserved_ports",
    zh: "之后启动的服务可能发现端口被占：请写入 ip_local_reserved_ports",
  },
  bursts: { en: "larger bursts into a path that has become slow meanwhile", zh: "路径变慢后可能一次发出更大的突发" },
  busyPoll: {
    en: "burns processor time, of which a busy gateway has none to spare",
    zh: "消耗处理器时间，繁忙的网关并无富余",
  },
  steering: { en: "some more processor time per packet", zh: "每个数据包多花一些处理器时间" },
  qdisc: {
    en: "new interfaces alone take it; for one that is up use tc qdisc replace",
    zh: "只对新接口生效；已启用的接口用 tc qdisc replace",
  },
  power: { en: "power and heat", zh: "耗电与发热" },
});
