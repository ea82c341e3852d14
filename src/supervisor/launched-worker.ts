/**
 * A process of the workers' program from its launch on. It gets its work at once, or waits for it as a spare with the program
 * loaded; whoever employs it hears of its messages and its end.
 */
import { assert, withoutCollectorTimer } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** The descriptors before the sockets: stdin, stdout, stderr. */
const firstSocket = 3;

export interface LaunchOptions {
  readonly command: readonly string[];
  /** Listening sockets of this process; the worker gets them as 3, 4, ... */
  readonly sockets: readonly number[];
  /** Of its runtime, beside this process's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of its stderr; without it they go where this process's go. */
  readonly onStderr: ((launched: LaunchedWorker, line: string) => void) | null;
}

export interface Employer {
  receive(message: FromWorker): void;
  ended(code: number | null, signal: number | string | null): void;
}

export class LaunchedWorker {
  readonly pid: number;
  hasEnded = false;
  private readonly sockets: readonly number[];
  private readonly process: Bun.Subprocess;
  private employer: Employer | null = null;

  constructor({ command, sockets, environment, onStderr }: LaunchOptions) {
    this.sockets = sockets;
    this.process = Bun.spawn({
      cmd: [...command],
      stdio: ["ignore", "inherit", onStderr === null ? "inherit" : "pipe", ...sockets] as [
        "ignore",
        "inherit",
        "inherit",
      ],
      serialization: "json",
      env: { ...process.env, ...environment },
      ipc: (message) => this.employer?.receive(message as FromWorker),
      onExit: (_process, code, signal) => {
        this.hasEnded = true;
        this.employer?.ended(code, signal);
      },
    });
    this.pid = this.process.pid;
    if (onStderr !== null) void this.readStderr((line) => onStderr(this, line));
  }

  /** From now on it works for somebody. */
  employ(employer: Employer): void {
    assert(this.employer === null && !this.hasEnded, "a process is employed once, while it lives");
    this.employer = employer;
  }

  /** The number that one of our sockets has in that process. */
  numberOf(socket: number): number {
    const index = this.sockets.indexOf(socket);
    assert(index >= 0, "a worker listens on sockets that it was launched with");
    return firstSocket + index;
  }

  /** Numbers of the sockets it was launched with beside these. */
  numbersBeside(sockets: readonly number[]): number[] {
    return this.sockets.filter((socket) => !sockets.includes(socket)).map((socket) => this.numberOf(socket));
  }

  send(message: ToWorker): void {
    try {
      this.process.send(message);
    } catch {
      // The pipe of a process that is dying closes before its exit is seen; its end then settles whoever waits.
    }
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }

  private async readStderr(onLine: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.process.stderr as ReadableStream<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    }
    if (rest !== "") onLine(rest);
  }
}

/**
 * Settings of the runtime's collector, which it reads when a process starts. A worker's heap is small and its neighbours have
 * the other cores: marking with one thread, it waits for no helper to be scheduled, which halved its pauses where processors
 * were busy (2.5 to 1.9 ms, 100,000 connections over six workers on two cores).
 */
export function collectorEnvironment({ concurrent, allocationBytesMax }: Config["collector"]): Record<string, string> {
  return {
    ...withoutCollectorTimer,
    BUN_JSC_numberOfGCMarkers: "1",
    ...(!concurrent && { BUN_JSC_useConcurrentGC: "0" }),
    ...(allocationBytesMax > 0 && { BUN_JSC_gcMaxHeapSize: String(allocationBytesMax) }),
  };
}
