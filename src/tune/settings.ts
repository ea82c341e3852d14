/**
 * The settings that concern a gateway, as a table: where each lives, what is wanted and when, and what is said about it.
 * Decisions are pure functions of the machine's files, so that they are tested against folders.
 */
import type { Message } from "../base/mod.ts";
import { risk, why } from "./advice.ts";
import type { Machine } from "./machine.ts";

/** `network`: of a network namespace; `machine`: of all; `process`: of a process and what it starts. */
export type Scope = "network" | "machine" | "process";
/** Which kind of load would show its effect; null where none on loopback could. */
export type Workload = "new-connections" | "kept-connections" | null;

/** `optional`: a trade that only the reader can make. `absent`: this machine does not have it. */
export type State = "good" | "change" | "optional" | "absent";

export interface Finding {
  readonly current: string;
  readonly wanted: string;
  readonly state: State;
}

export interface Setting {
  readonly id: string;
  readonly scope: Scope;
  readonly workload: Workload;
  readonly why: Message;
  readonly risk: Message;
  /** Files that hold it, from the root; several where each interface or core has its own. */
  places(machine: Machine): readonly string[];
  /** Null where a file says nothing that can be read. */
  judge(current: string, machine: Machine, place: string): Finding | null;
  /** How it is set by hand, where that is not writing to its file. */
  readonly command?: (wanted: string, place: string) => string;
}

const sysctl = (name: string) => (): readonly string[] => [`proc/sys/${name.replaceAll(".", "/")}`];

/** A number that should be at least so large. */
function atLeast(wanted: number): Setting["judge"] {
  return (current) => {
    const value = Number(current);
    if (!Number.isFinite(value)) return null;
    const isGood = value >= wanted;
    return { current, wanted: isGood ? current : String(wanted), state: isGood ? "good" : "change" };
  };
}

function exactly(wanted: string, otherwise: State = "change"): Setting["judge"] {
  return (current) => ({ current, wanted, state: current === wanted ? "good" : otherwise });
}

/** Lower and upper end; a wider range is good too. */
function portRange(current: string): Finding | null {
  const [low = Number.NaN, high = Number.NaN] = current.split(" ").map(Number);
  if (Number.isNaN(low) || Number.isNaN(high)) return null;
  const state = low <= 10_240 && high >= 65_535 ? "good" : "change";
  return { current, wanted: state === "good" ? current : "10240 65535", state };
}

/** The chosen word of a list such as `always [madvise] never`. */
export function chosenWord(text: string): string {
  return /\[([^\]]+)\]/.exec(text)?.[1] ?? text;
}

function hugePages(text: string): Finding {
  const current = chosenWord(text);
  const isGood = current !== "always";
  return { current, wanted: isGood ? current : "madvise", state: isGood ? "good" : "change" };
}

/** A bit for every core, in groups of 32 as the kernel writes it. */
export function coreMask(cores: number): string {
  const groups: string[] = [];
  for (let rest = cores; rest > 0; rest -= 32) {
    groups.unshift((rest >= 32 ? 0xffffffff : 2 ** rest - 1).toString(16));
  }
  // Only the first group, of the highest cores, is written without leading zeros.
  return groups.map((group, index) => (index === 0 ? group : group.padStart(8, "0"))).join(",");
}

function steering(current: string, machine: Machine, place: string): Finding | null {
  const cores = machine.coresCount;
  const name = place.split("/")[3]!;
  const wanted = coreMask(cores);
  // As many queues as cores need no steering in software.
  if (cores === 1 || machine.receiveQueues(name).length >= cores) return { current, wanted: current, state: "good" };
  const value = (text: string): bigint => BigInt(`0x${text.replaceAll(",", "") || "0"}`);
  const isGood = value(current) === value(wanted);
  return { current, wanted: isGood ? current : wanted, state: isGood ? "good" : "optional" };
}

function netdevBacklog(current: string, machine: Machine): Finding | null {
  const value = Number(current);
  if (!Number.isFinite(value)) return null;
  const isGood = value >= 16_384 || machine.backlogDrops === 0;
  return { current, wanted: isGood ? current : "16384", state: isGood ? "good" : "change" };
}

function qdisc(current: string, machine: Machine): Finding {
  const [major, minor] = machine.kernelVersion;
  const fqKnowsPriority = major > 6 || (major === 6 && minor >= 7);
  const isGood = current.startsWith("pfifo_fast") || current === "prio" || (current === "fq" && fqKnowsPriority);
  return {
    current,
    wanted: isGood ? current : fqKnowsPriority ? "fq" : "pfifo_fast",
    state: isGood ? "good" : "change",
  };
}

/** Microseconds within which a sleeping processor must be ready again; the kernel says 2,000 seconds for "whenever". */
function wakeLatency(_text: string, machine: Machine, place: string): Finding | null {
  const us = machine.readInteger(place);
  if (us === null) return null;
  return { current: String(us), wanted: "0", state: us === 0 ? "good" : "optional" };
}

/** For 100,000 clients and their upstream connections. */
const descriptorsWanted = 262_144;

function descriptors(_text: string, machine: Machine): Finding | null {
  const limits = machine.descriptors;
  if (limits === null) return null;
  // Weir raises its soft limit to the hard one by itself.
  const isGood = limits.hard >= descriptorsWanted;
  const wanted = isGood ? String(limits.hard) : String(descriptorsWanted);
  return { current: String(limits.hard), wanted, state: isGood ? "good" : "change" };
}

const queuePlaces = (machine: Machine): string[] =>
  machine.interfaces.flatMap((name) =>
    machine.receiveQueues(name).map((queue) => `sys/class/net/${name}/queues/${queue}/rps_cpus`),
  );

const governorPlaces = (machine: Machine): string[] =>
  machine
    .names("sys/devices/system/cpu")
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `sys/devices/system/cpu/${name}/cpufreq/scaling_governor`);

const network = { scope: "network" as const };
const machineWide = { scope: "machine" as const, workload: null };

export const settings: readonly Setting[] = [
  {
    id: "descriptors",
    scope: "process",
    workload: null,
    why: why.descriptors,
    risk: risk.descriptors,
    places: () => ["proc/self/limits"],
    judge: descriptors,
    command: (wanted) => `ulimit -Hn ${wanted}  (systemd: LimitNOFILE=${wanted})`,
  },
  {
    ...machineWide,
    id: "fs.nr_open",
    why: why.nrOpen,
    risk: risk.none,
    places: sysctl("fs.nr_open"),
    judge: atLeast(1_048_576),
  },
  {
    ...machineWide,
    id: "fs.file-max",
    why: why.fileMax,
    risk: risk.memory,
    places: sysctl("fs.file-max"),
    judge: atLeast(1_048_576),
  },
  {
    ...network,
    id: "net.core.somaxconn",
    workload: "new-connections",
    why: why.somaxconn,
    risk: risk.memory,
    places: sysctl("net.core.somaxconn"),
    judge: atLeast(65_535),
  },
  {
    ...network,
    id: "net.ipv4.tcp_max_syn_backlog",
    workload: "new-connections",
    why: why.synBacklog,
    risk: risk.memory,
    places: sysctl("net.ipv4.tcp_max_syn_backlog"),
    judge: atLeast(65_535),
  },
  {
    ...network,
    id: "net.ipv4.tcp_tw_reuse",
    workload: "new-connections",
    why: why.twReuse,
    risk: risk.twReuse,
    places: sysctl("net.ipv4.tcp_tw_reuse"),
    judge: exactly("1"),
  },
  {
    ...network,
    id: "net.ipv4.ip_local_port_range",
    workload: "new-connections",
    why: why.portRange,
    risk: risk.portRange,
    places: sysctl("net.ipv4.ip_local_port_range"),
    judge: portRange,
  },
  {
    ...network,
    id: "net.ipv4.tcp_migrate_req",
    workload: "new-connections",
    why: why.migrateRequests,
    risk: risk.none,
    places: sysctl("net.ipv4.tcp_migrate_req"),
    judge: exactly("1"),
  },
  {
    ...network,
    id: "net.ipv4.tcp_fin_timeout",
    workload: null,
    why: why.finTimeout,
    risk: risk.none,
    places: sysctl("net.ipv4.tcp_fin_timeout"),
    judge: (current) => ({ current, wanted: current, state: "good" }),
  },
  {
    ...network,
    id: "net.ipv4.tcp_slow_start_after_idle",
    workload: "kept-connections",
    why: why.slowStart,
    risk: risk.bursts,
    places: sysctl("net.ipv4.tcp_slow_start_after_idle"),
    judge: exactly("0"),
  },
  {
    ...machineWide,
    id: "net.core.busy_poll",
    why: why.busyPoll,
    risk: risk.busyPoll,
    places: sysctl("net.core.busy_poll"),
    judge: exactly("50", "optional"),
  },
  {
    ...machineWide,
    id: "receive-steering",
    why: why.receiveSteering,
    risk: risk.steering,
    places: queuePlaces,
    judge: steering,
  },
  {
    ...machineWide,
    id: "net.core.netdev_max_backlog",
    why: why.netdevBacklog,
    risk: risk.memory,
    places: sysctl("net.core.netdev_max_backlog"),
    judge: netdevBacklog,
  },
  {
    ...machineWide,
    id: "net.core.default_qdisc",
    why: why.qdisc,
    risk: risk.qdisc,
    places: sysctl("net.core.default_qdisc"),
    judge: qdisc,
  },
  {
    ...machineWide,
    id: "cpu-governor",
    why: why.governor,
    risk: risk.power,
    places: governorPlaces,
    judge: exactly("performance"),
  },
  {
    id: "cpu-wake-latency",
    scope: "process",
    workload: null,
    why: why.wakeLatency,
    risk: risk.power,
    places: () => ["dev/cpu_dma_latency"],
    judge: wakeLatency,
    command: (_wanted, place) =>
      `exec 9<>/${place}; printf '\\0\\0\\0\\0' >&9  (while it is open; tuned-adm profile network-latency for good)`,
  },
  {
    id: "timer-slack",
    scope: "process",
    workload: "kept-connections",
    why: why.timerSlack,
    risk: risk.power,
    places: () => ["proc/self/timerslack_ns"],
    judge: exactly("1000", "optional"),
    command: (wanted) => `echo ${wanted} > /proc/PID/timerslack_ns`,
  },
  {
    id: "transparent-hugepages",
    scope: "machine",
    workload: "kept-connections",
    why: why.hugePages,
    risk: risk.none,
    places: () => ["sys/kernel/mm/transparent_hugepage/enabled"],
    judge: hugePages,
  },
];
