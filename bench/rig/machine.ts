/** The machine a figure was measured on, as far as a reader needs it to judge the figure. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly isVirtual: boolean;
  readonly runtime: string;
  readonly measuredAt: string;
  /** Processes that wanted a core when the run began; more than the cores means that it was not alone. */
  readonly loadAverage: number;
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    kernel: `Linux ${release()}`,
    isVirtual: / hypervisor /.test(readFileSync("/proc/cpuinfo", "utf8")),
    runtime: `Bun ${Bun.version}`,
    measuredAt: new Date().toISOString(),
    loadAverage: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
  };
}

export function describe({ processor, cores, memoryGiB, kernel, isVirtual, runtime, loadAverage }: Machine): string {
  const kind = isVirtual ? ", virtual" : "";
  return `${processor}, ${cores} cores${kind}, ${memoryGiB} GiB, ${kernel}, ${runtime}, load average ${loadAverage} at start`;
}
