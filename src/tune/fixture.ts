/** A folder that looks like the parts of a machine that advice depends on, for tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Machine } from "./machine.ts";

/** A Linux as it comes, with two cores and one card with one queue. */
export const stockFiles: Readonly<Record<string, string>> = {
  "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
  "proc/self/limits":
    "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 1048576              files\n",
  "proc/self/timerslack_ns": "50000\n",
  "proc/net/softnet_stat": "0000a2f1 00000000 00000000\n00000001 00000000 00000000\n",
  "proc/sys/fs/nr_open": "1048576\n",
  "proc/sys/fs/file-max": "9223372036854775807\n",
  "proc/sys/net/core/somaxconn": "4096\n",
  "proc/sys/net/core/busy_poll": "0\n",
  "proc/sys/net/core/netdev_max_backlog": "1000\n",
  "proc/sys/net/core/default_qdisc": "fq_codel\n",
  "proc/sys/net/ipv4/tcp_max_syn_backlog": "2048\n",
  "proc/sys/net/ipv4/tcp_tw_reuse": "2\n",
  "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
  "proc/sys/net/ipv4/tcp_migrate_req": "0\n",
  "proc/sys/net/ipv4/tcp_fin_timeout": "60\n",
  "proc/sys/net/ipv4/tcp_slow_start_after_idle": "1\n",
  "sys/class/net/lo/operstate": "unknown\n",
  "sys/class/net/eth0/operstate": "up\n",
  "sys/class/net/eth0/queues/rx-0/rps_cpus": "0\n",
  "sys/class/net/eth1/operstate": "down\n",
  "sys/class/net/eth1/queues/rx-0/rps_cpus": "0\n",
  "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
  "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
  "sys/devices/system/cpu/cpuidle/current_driver": "none\n",
  "dev/cpu_dma_latency": "d\0\0\0",
  "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
};

export class MachineFixture {
  readonly root = mkdtempSync(join(tmpdir(), "weir-tune-"));
  readonly machine = new Machine(this.root);

  /** @param changes null takes a file away */
  constructor(changes: Readonly<Record<string, string | null>> = {}) {
    for (const [path, text] of Object.entries({ ...stockFiles, ...changes })) {
      if (text === null) continue;
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
  }

  free(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
