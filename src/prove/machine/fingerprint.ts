/**
 * The machine a result belongs to, and what about it makes results weak. A result without its machine is a rumour; a machine
 * that others use at the same time gives figures that nobody can repeat, so that is said first and not hidden.
 */
import { availableParallelism, cpus, hostname, loadavg, release, totalmem } from "node:os";
import { defineMessages, version } from "../../base/mod.ts";
import { formatNumber } from "../format.ts";
import { type Text, textOf } from "../text.ts";
import { readMachineUse, readOrNull } from "./processes.ts";
import { readStillness, type Stillness } from "./stillness.ts";

export interface Fingerprint {
  readonly host: string;
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly isVirtual: boolean;
  readonly governor: string | null;
  /** Whether processors are kept from falling asleep for the length of the run. */
  readonly isAwake: boolean;
  readonly descriptorsMax: number | null;
  readonly somaxconn: number | null;
  readonly localPorts: string | null;
  readonly tcpTwReuse: number | null;
  readonly loadAverage: number;
  /** Share of all processors that was busy during one second before the first experiment. */
  readonly busyRatio: number | null;
  /** Null where it cannot be watched. */
  readonly stillness: Stillness | null;
  readonly weir: string;
  readonly runtime: string;
  readonly commit: string | null;
}

const messages = defineMessages({
  busy: {
    en: "other programs used {percent} % of the processors before the first experiment: figures are worse than the machine's own and will not repeat",
    zh: "首个实验开始前，其他程序已占用 {percent} % 的处理器：数据会低于本机真实水平，且难以复现",
  },
  shared: {
    en: "the load generator, the gateway and the example upstream share {cores} cores: absolute rates are those of all three together",
    zh: "压测端、网关与示例上游共用 {cores} 个核心：绝对速率是三者合计的结果",
  },
  virtual: {
    en: "this is a virtual machine: its host may take processor time away, most visible in the highest percentiles",
    zh: "这是虚拟机：宿主机可能抢占处理器时间，在最高分位数上最明显",
  },
  restless: {
    en: "processors are not there at once: a sleeping process was woken {wake} ms late at P99 and up to {wakeMax} ms, and {taken} % of the time were taken from one that never sleeps, up to {takenMax} ms at a time. Percentiles of this size are the machine's",
    zh: "处理器并非随时可用：休眠进程的唤醒延迟 P99 为 {wake} 毫秒，最长 {wakeMax} 毫秒；从不休眠的进程有 {taken} % 的时间被占走，单次最长 {takenMax} 毫秒。与此相当的分位数源于本机自身",
  },
  governor: {
    en: "the processors' governor is {governor}, not performance: frequency changes show as latency",
    zh: "处理器调频策略为 {governor} 而非 performance：频率变化会体现为延迟",
  },
  descriptors: {
    en: "a process may have {limit} descriptors: more than that many connections need several processes on both sides (weir tune says how to raise it)",
    zh: "单进程最多 {limit} 个描述符：更多连接需要两端使用多个进程（weir tune 说明如何提高）",
  },
  priority: {
    en: "the load generator could not be given priority over what it measures (root may): on a shared machine it starves first, and such runs are void",
    zh: "压测端无法获得高于被测对象的优先级（root 可以）：共用机器时它会先被饿死，此类运行无效",
  },
  notLinux: {
    en: "this is not Linux: processor time, memory and descriptors of the gateway cannot be read",
    zh: "当前系统不是 Linux：无法读取网关的处理器时间、内存与描述符",
  },
});

/** Above this share other programs disturb. */
export const busyRatioMax = 0.1;
const descriptorsWanted = 110_000;
/** A machine of one's own wakes sleepers within 0.1 ms at P99 and takes less than a thousandth of the time. */
const wakeMsMax = 0.3;
const takenRatioMax = 0.003;

/** Takes two seconds, in which it watches how busy the machine is by itself, and how still. @param isAwake see awake.ts */
export async function readFingerprint({ isAwake = false, watchMs = 1000 } = {}): Promise<Fingerprint> {
  const before = readMachineUse();
  await Bun.sleep(watchMs);
  const after = readMachineUse();
  const elapsed = before === null || after === null ? 0 : after.totalSeconds - before.totalSeconds;
  const busyRatio = elapsed <= 0 ? null : (after!.busySeconds - before!.busySeconds) / elapsed;
  const limits = /^Max open files\s+\S+\s+(\S+)/m.exec(readOrNull("/proc/self/limits") ?? "")?.[1];
  return {
    host: hostname(),
    kernel: `${process.platform} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? "?",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    isVirtual: /^flags.*\bhypervisor\b/m.test(readOrNull("/proc/cpuinfo") ?? ""),
    governor: readOrNull("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")?.trim() ?? null,
    isAwake,
    descriptorsMax: limits === undefined || limits === "unlimited" ? null : Number(limits),
    somaxconn: numberIn("/proc/sys/net/core/somaxconn"),
    localPorts: readOrNull("/proc/sys/net/ipv4/ip_local_port_range")?.trim().replace(/\s+/, "-") ?? null,
    tcpTwReuse: numberIn("/proc/sys/net/ipv4/tcp_tw_reuse"),
    loadAverage: loadavg()[0]!,
    busyRatio,
    stillness: readStillness(watchMs / 2),
    weir: version,
    runtime: `Bun ${Bun.version}`,
    commit: commitOf(),
  };
}

/** What makes results weak here, the worst first. */
export function weaknesses(machine: Fingerprint, isLocal: boolean, hasPriority = true): Text[] {
  const found: Text[] = [];
  const { busyRatio, cores, governor, descriptorsMax } = machine;
  if (busyRatio !== null && busyRatio > busyRatioMax) {
    found.push(textOf(messages.busy, { percent: (busyRatio * 100).toFixed(0) }));
  }
  if (isLocal) found.push(textOf(messages.shared, { cores }));
  if (isLocal && !hasPriority) found.push(textOf(messages.priority));
  if (machine.isVirtual) found.push(textOf(messages.virtual));
  found.push(...restlessness(machine.stillness));
  if (governor !== null && governor !== "performance") found.push(textOf(messages.governor, { governor }));
  if (descriptorsMax !== null && descriptorsMax < descriptorsWanted) {
    found.push(textOf(messages.descriptors, { limit: descriptorsMax }));
  }
  if (process.platform !== "linux") found.push(textOf(messages.notLinux));
  return found;
}

function restlessness(still: Stillness | null): Text[] {
  if (still === null || (still.wakeMsP99 <= wakeMsMax && still.takenRatio <= takenRatioMax)) return [];
  const values = {
    wake: formatNumber(still.wakeMsP99),
    wakeMax: formatNumber(still.wakeMsMax),
    taken: formatNumber(still.takenRatio * 100),
    takenMax: formatNumber(still.takenMsMax),
  };
  return [textOf(messages.restless, values)];
}

function numberIn(path: string): number | null {
  const text = readOrNull(path);
  return text === null ? null : Number(text);
}

function commitOf(): string | null {
  if (Bun.which("git") === null) return null;
  const child = Bun.spawnSync(["git", "rev-parse", "--short=12", "HEAD"], {
    cwd: import.meta.dir,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return child.exitCode === 0 ? child.stdout.toString().trim() : null;
}
