import { expect, test } from "bun:test";
import { setLanguage } from "../base/mod.ts";
import { MachineFixture } from "./fixture.ts";
import { inspect } from "./inspect.ts";
import { inspectionText } from "./render.ts";
import { chosenWord, coreMask } from "./settings.ts";

/** `id now -> wanted verdict` of every row. */
function judged(changes: Readonly<Record<string, string | null>> = {}): string[] {
  const fixture = new MachineFixture(changes);
  try {
    return inspect(fixture.machine).map(({ id, current, wanted, state }) => `${id} ${current} -> ${wanted} ${state}`);
  } finally {
    fixture.free();
  }
}

const stock = [
  "descriptors 1048576 -> 1048576 good",
  "fs.nr_open 1048576 -> 1048576 good",
  "fs.file-max 9223372036854775807 -> 9223372036854775807 good",
  "net.core.somaxconn 4096 -> 65535 change",
  "net.ipv4.tcp_max_syn_backlog 2048 -> 65535 change",
  "net.ipv4.tcp_tw_reuse 2 -> 1 change",
  "net.ipv4.ip_local_port_range 32768 60999 -> 10240 65535 change",
  "net.ipv4.tcp_migrate_req 0 -> 1 change",
  "net.ipv4.tcp_fin_timeout 60 -> 60 good",
  "net.ipv4.tcp_slow_start_after_idle 1 -> 0 change",
  "net.core.busy_poll 0 -> 50 optional",
  "receive-steering 0 -> 3 optional",
  "net.core.netdev_max_backlog 1000 -> 1000 good",
  "net.core.default_qdisc fq_codel -> pfifo_fast change",
  "cpu-governor powersave -> performance change",
  "cpu-governor performance -> performance good",
  "cpu-wake-latency 100 -> 0 optional",
  "timer-slack 50000 -> 1000 optional",
  "transparent-hugepages always -> madvise change",
];

test("a Linux as it comes", () => {
  expect(judged()).toEqual(stock);
});

test("each decision by what the machine says", () => {
  const cases: readonly [path: string, text: string | null, row: string][] = [
    ["proc/sys/net/core/somaxconn", "65535", "net.core.somaxconn 65535 -> 65535 good"],
    ["proc/sys/net/core/somaxconn", "100000", "net.core.somaxconn 100000 -> 100000 good"],
    ["proc/sys/net/core/somaxconn", "many", "net.core.somaxconn  ->  absent"],
    ["proc/sys/net/ipv4/tcp_tw_reuse", "1", "net.ipv4.tcp_tw_reuse 1 -> 1 good"],
    ["proc/sys/net/ipv4/tcp_migrate_req", null, "net.ipv4.tcp_migrate_req  ->  absent"],
    [
      "proc/sys/net/ipv4/ip_local_port_range",
      "1024 65535",
      "net.ipv4.ip_local_port_range 1024 65535 -> 1024 65535 good",
    ],
    ["proc/sys/net/core/default_qdisc", "pfifo_fast", "net.core.default_qdisc pfifo_fast -> pfifo_fast good"],
    ["proc/sys/net/core/default_qdisc", "fq", "net.core.default_qdisc fq -> pfifo_fast change"],
    ["proc/sys/kernel/osrelease", "6.8.0", "net.core.default_qdisc fq_codel -> fq change"],
    ["proc/net/softnet_stat", "1 0000000f 0\n", "net.core.netdev_max_backlog 1000 -> 16384 change"],
    ["sys/class/net/eth0/queues/rx-0/rps_cpus", "00000003", "receive-steering 00000003 -> 00000003 good"],
    ["sys/class/net/eth0/queues/rx-1/rps_cpus", "0", "receive-steering 0 -> 0 good"],
    ["sys/class/net/eth0/operstate", "down", "receive-steering  ->  absent"],
    ["dev/cpu_dma_latency", "\0\0\0\0", "cpu-wake-latency 0 -> 0 good"],
    ["dev/cpu_dma_latency", null, "cpu-wake-latency  ->  absent"],
    ["dev/cpu_dma_latency", "", "cpu-wake-latency  ->  absent"],
    [
      "sys/kernel/mm/transparent_hugepage/enabled",
      "always [madvise] never",
      "transparent-hugepages madvise -> madvise good",
    ],
    ["proc/self/limits", "Max open files 1024 4096 files", "descriptors 4096 -> 262144 change"],
    ["proc/self/limits", "Max open files 1024 unlimited files", "descriptors Infinity -> Infinity good"],
  ];
  for (const [path, text, row] of cases) expect(judged({ [path]: text })).toContain(row);
});

test("masks and words are read and written as the kernel does", () => {
  expect([1, 2, 8, 32, 33, 64].map(coreMask)).toEqual(["1", "3", "ff", "ffffffff", "1,ffffffff", "ffffffff,ffffffff"]);
  expect(["always [madvise] never", "plain"].map(chosenWord)).toEqual(["madvise", "plain"]);
});

test("every row says why, what it risks and how, in both languages", () => {
  const fixture = new MachineFixture();
  try {
    const rows = inspect(fixture.machine);
    const english = inspectionText(rows, true);
    expect(english).toContain("sysctl -w net.ipv4.ip_local_port_range='10240 65535'");
    expect(english).toContain("It is not TIME_WAIT");
    expect(english).toContain("6 good, 9 to change, 4 optional, 0 not on this machine");
    expect(english.match(/^ {2}why: /gm)?.length).toBe(rows.length);
    setLanguage("zh");
    expect(inspectionText(rows, true)).toContain("它不是 TIME_WAIT");
  } finally {
    setLanguage("en");
    fixture.free();
  }
});
