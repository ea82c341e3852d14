/** Starts processes of the workers' program, and binds workers to processors where the configuration says so. */
import type { Config } from "../config/mod.ts";
import { allowedCpus, freeHelpers, pinProcess, SystemCallError } from "../transport/mod.ts";
import { LaunchedWorker } from "./launched-worker.ts";
import type { Log } from "./log.ts";
import { messages } from "./messages.ts";
import type { WorkerProcess } from "./worker-process.ts";

export class WorkerLauncher {
  private readonly log: Log;
  private readonly wrapsStderr: boolean;

  /** @param wrapsStderr the log is JSON lines, so what workers print is wrapped into it */
  constructor(log: Log, wrapsStderr: boolean) {
    this.log = log;
    this.wrapsStderr = wrapsStderr;
  }

  /** Starts a process with these listening sockets. */
  launch(
    command: readonly string[],
    sockets: readonly number[],
    environment: Readonly<Record<string, string>>,
  ): LaunchedWorker {
    const onStderr = ({ pid }: LaunchedWorker, line: string): void =>
      this.log.write("error", "worker.stderr", messages.workerSays, { pid, line });
    return new LaunchedWorker({ command, sockets, environment, onStderr: this.wrapsStderr ? onStderr : null });
  }

  /** Binds the thread that serves; the others may run on all processors of the supervisor. */
  pin(process: WorkerProcess, config: Config): void {
    const { cpuPinning } = config;
    if (cpuPinning === false) return;
    const cpus = cpuPinning === true ? allowedCpus() : cpuPinning;
    const cpu = cpus[process.worker % cpus.length]!;
    try {
      pinProcess(process.pid, cpu);
      this.freeHelpers(process, config);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      const values = { worker: process.worker, cpu, reason: error.message };
      this.log.write("warning", "worker.not-pinned", messages.notPinned, values);
    }
  }

  /** The same for threads that have come since: they inherited the processor of the one that serves. */
  freeHelpers({ pid, state }: WorkerProcess, { cpuPinning }: Config): void {
    if (cpuPinning !== false && state !== "ended") freeHelpers(pid, allowedCpus());
  }
}
