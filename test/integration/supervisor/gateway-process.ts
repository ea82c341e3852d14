/**
 * A real `weir serve` in a process of its own, with its configuration in a folder of its own, for tests that restart, kill
 * and reload it. Everything it started is gone when `close` resolves.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Exchange, startExchange } from "../../../src/example/mod.ts";
import { adminRequest, type OperationResult, type Status } from "../../../src/supervisor/mod.ts";

const main = join(import.meta.dir, "../../../src/cli/main.ts");

export interface GatewayOptions {
  /** Without `admin`, `metrics` and `listeners`, which are added; `{upstream}` becomes the example exchange's address. */
  readonly config?: string;
  readonly listeners?: string;
  readonly arguments?: readonly string[];
  /** Put before the command, e.g. `prlimit --nofile=300`. */
  readonly wrapper?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Patient towards the upstream: what a machine busy with other tests does to it must fail none of these. */
export const plainConfig = `workers: 2
upstreams:
  core: { endpoints: ["{upstream}"], timeouts: { connect: 30s }, queue: { timeout: 30s }, breaker: off }
routes: [{ match: { path: "/*" }, upstream: core }]
timeouts: { drain: 20s }
lanes: { loopDelayMax: 10s }
`;
const plainListeners = '{ public: { address: "127.0.0.1:0" } }';

export class GatewayProcess {
  readonly folder = mkdtempSync(join(tmpdir(), "weir-gateway-"));
  readonly configFile = join(this.folder, "weir.yaml");
  readonly adminPath = join(this.folder, "admin.sock");
  readonly exchange: Exchange;
  /** Lines of stderr so far. */
  readonly log: string[] = [];
  private readonly options: GatewayOptions;
  private child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;
  private watchers: { isWanted: (line: string) => boolean; resolve: (line: string) => void }[] = [];
  private logEnded: Promise<void> = Promise.resolve();

  constructor(options: GatewayOptions = {}) {
    this.options = options;
    this.exchange = startExchange({});
    this.writeConfig(options.config ?? plainConfig, options.listeners);
  }

  /** Starts one and waits until it serves. */
  static async start(options: GatewayOptions = {}): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(options);
    gateway.spawn();
    const serving = gateway.logged("generation.serving");
    const ended = gateway.child!.exited.then(async (code) => {
      await gateway.logEnded;
      throw new Error(`the gateway ended with ${code}:\n${gateway.log.join("\n")}`);
    });
    await Promise.race([serving, ended]);
    return gateway;
  }

  writeConfig(text: string, listeners: string = this.options.listeners ?? plainListeners): void {
    writeFileSync(this.configFile, this.configText(text, listeners));
  }

  configText(text: string, listeners: string = this.options.listeners ?? plainListeners): string {
    const servers = `admin: { address: "unix:${this.adminPath}" }\nmetrics: { address: "127.0.0.1:0" }\n`;
    return `${text.replace("{upstream}", `127.0.0.1:${this.exchange.port}`)}listeners: ${listeners}\n${servers}`;
  }

  spawn(): void {
    const { wrapper = [], environment = {}, arguments: more = [] } = this.options;
    const cmd = [...wrapper, process.execPath, main, "serve", this.configFile, "--log", "json", ...more];
    this.child = Bun.spawn(cmd, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, WEIR_RUNTIME_DIR: join(this.folder, "run"), ...environment },
    });
    this.logEnded = this.readLog(this.child.stderr);
  }

  get pid(): number {
    return this.child!.pid;
  }

  get exited(): Promise<number> {
    return this.child!.exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.child!.kill(signal);
  }

  async status(): Promise<Status> {
    return (await this.admin("GET", "/status")) as Status;
  }

  async operate(path: "/reload" | "/restart" | "/restart?force=true" | "/drain"): Promise<OperationResult> {
    return (await this.admin("POST", path)) as OperationResult;
  }

  /** Port of a listener. */
  async port(name = "public"): Promise<number> {
    const { listeners } = await this.status();
    return Number(
      listeners
        .find((listener) => listener.name === name)!
        .address.split(":")
        .pop(),
    );
  }

  /** The next line, or one already there, of an event of the supervisor's log, from the line `from` on. */
  logged(event: string, from = 0): Promise<Record<string, unknown>> {
    const isWanted = (line: string): boolean => line.includes(`"event":"${event}"`);
    const there = this.log.slice(from).find(isWanted);
    const { promise, resolve } = Promise.withResolvers<string>();
    if (there !== undefined) resolve(there);
    else this.watchers.push({ isWanted, resolve });
    return promise.then((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits until the status satisfies `isWanted`. */
  async until(isWanted: (status: Status) => boolean, limitMs = 40_000): Promise<Status> {
    const beganMs = performance.now();
    for (;;) {
      const status = await this.status();
      if (isWanted(status)) return status;
      if (performance.now() - beganMs > limitMs) throw new Error(`it did not come to that: ${JSON.stringify(status)}`);
      await Bun.sleep(10);
    }
  }

  async close(): Promise<void> {
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGTERM"), 2000);
      await child.exited;
      clearTimeout(timer);
    }
    await this.logEnded;
    this.exchange.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async admin(method: "GET" | "POST", path: string): Promise<unknown> {
    const target = { address: { kind: "unix", path: this.adminPath }, token: null } as const;
    return (await adminRequest(target, method, path)).body;
  }

  private async readLog(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.add(line);
    }
    if (rest !== "") this.add(rest);
  }

  private add(line: string): void {
    this.log.push(line);
    const woken = this.watchers.filter(({ isWanted }) => isWanted(line));
    this.watchers = this.watchers.filter((watcher) => !woken.includes(watcher));
    for (const { resolve } of woken) resolve(line);
  }
}
