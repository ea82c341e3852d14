/**
 * The client processes of runs, kept from one run to the next. A new process compiles its code for the better part of a second of
 * processor time, which a run of a few seconds on a shared machine would measure as the target's; one that has run before does
 * not, and need not be started. Whoever opens this closes it; a process that misbehaved is ended, never kept.
 */
import { join } from "node:path";
import { withoutCollectorTimer } from "../base/mod.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

/** The run that a client process works for. */
export interface ClientOwner {
  hear(message: FromWorker): void;
  exited(): void;
}

export class ClientProcess {
  private readonly child: ReturnType<typeof Bun.spawn>;
  private owner: ClientOwner | null = null;
  /** Undefined while it lives. */
  exitCode: number | null | undefined = undefined;

  constructor() {
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, "worker.ts")], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, ...withoutCollectorTimer },
      serialization: "advanced",
      ipc: (message: FromWorker) => this.owner?.hear(message),
      onExit: (_child, exitCode) => {
        this.exitCode = exitCode;
        this.owner?.exited();
      },
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Sets who is told of messages and of the end; null for nobody. */
  worksFor(owner: ClientOwner | null): void {
    this.owner = owner;
  }

  /** Nothing is sent to one that has ended. */
  tell(message: ToWorker): void {
    if (this.exitCode === undefined) this.child.send(message);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Ends it and waits until it has. */
  async end(): Promise<void> {
    if (this.exitCode === undefined) this.child.kill();
    await this.child.exited;
  }
}

export class ClientProcesses {
  private readonly free: ClientProcess[] = [];
  private isClosed = false;

  /** One that is free, the last that worked first, or a new one. */
  take(): ClientProcess {
    let process = this.free.pop();
    while (process !== undefined && process.exitCode !== undefined) process = this.free.pop();
    return process ?? new ClientProcess();
  }

  /** Takes back one whose run came to its end. */
  async give(process: ClientProcess): Promise<void> {
    process.worksFor(null);
    if (this.isClosed) await process.end();
    else this.free.push(process);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.free.splice(0).map((process) => process.end()));
  }
}
