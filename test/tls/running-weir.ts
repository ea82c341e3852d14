/** `weir serve` as a process of its own, for tests that look at it from outside. Ports are taken by the kernel. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const main = join(import.meta.dir, "../../src/cli/main.ts");

export class RunningWeir {
  /** Ports by listener. */
  readonly ports = new Map<string, number>();
  readonly file: string;
  /** Where `/metrics` answers. */
  metrics = "";
  private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  private log = "";

  private constructor(file: string) {
    this.file = file;
    this.child = Bun.spawn([process.execPath, main, "serve", file], { stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Starts it and waits until it serves. */
  static async start(folder: string, configuration: string): Promise<RunningWeir> {
    const file = join(folder, "weir.yaml");
    writeFileSync(file, configuration);
    const weir = new RunningWeir(file);
    void weir.collect(weir.child.stderr);
    void weir.collect(weir.child.stdout);
    await weir.until(/operate it/);
    for (const [, name, port] of weir.log.matchAll(/listener (\S+): https?:\/\/[^:]+:(\d+)/g)) {
      weir.ports.set(name!, Number(port));
    }
    weir.metrics = /metrics: (\S+)/.exec(weir.log)?.[1] ?? "";
    return weir;
  }

  port(listener: string): number {
    const port = this.ports.get(listener);
    if (port === undefined) throw new Error(`no listener ${listener} in:\n${this.log}`);
    return port;
  }

  /** Runs another command of `weir` on this gateway; returns its exit code. */
  async operate(command: string): Promise<number> {
    const child = Bun.spawn([process.execPath, main, command, this.file], { stdio: ["ignore", "pipe", "pipe"] });
    return await child.exited;
  }

  /** Waits for a line in what it prints. */
  async until(pattern: RegExp): Promise<void> {
    const deadlineMs = performance.now() + 30_000;
    while (!pattern.test(this.log)) {
      if (performance.now() > deadlineMs || this.child.exitCode !== null) {
        throw new Error(`${pattern} was not seen in:\n${this.log}`);
      }
      await Bun.sleep(5);
    }
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
  }

  private async collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.log += decoder.decode(chunk, { stream: true });
  }
}
