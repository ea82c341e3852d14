/**
 * Weir itself as the target: `weir example` and `weir serve` as processes of their own, started with a generated
 * configuration through the same command line that users have. Nothing of the data plane is imported, so that a fault in it
 * cannot hide in its own measurement.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, WeirError, withoutCollectorTimer } from "../../base/mod.ts";
import { allowedCores, type CoreShares, shareCores } from "../machine/mod.ts";
import { makeCertificate } from "../tls/mod.ts";
import { Child } from "./child.ts";
import { type MetricValues, parseMetrics } from "./metrics.ts";
import type { CollectorPause, OwnTarget } from "./target.ts";

const main = join(import.meta.dir, "../../cli/main.ts");

export interface WeirOptions {
  readonly workersCount: number;
  readonly connectionsMax?: number;
  /** Each worker is bound to a core, and clients to the others, as an order path is deployed; where there are cores enough. */
  readonly hasOwnCores?: boolean;
  readonly upstreamMode?: "exclusive" | "pipelined";
  /** Limits the requests in flight to what the upstream can do; the rest waits or is refused. */
  readonly admission?: boolean;
  /** Further settings of the upstream's connections, as YAML in one line. */
  readonly connections?: Readonly<Record<string, string | number>>;
  /** How long a request may wait for an upstream connection, as the configuration writes it. */
  readonly queueTimeout?: string;
  readonly logsCollector?: boolean;
  /** The `collector` section of the configuration, as YAML in one line. */
  readonly collector?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** For all requests, as `weir example --behaviour` takes it. */
  readonly behaviour?: string;
  /** ALPN names that the listener takes over TLS, with a certificate of its own; none is plain HTTP. */
  readonly alpn?: readonly string[];
}

interface StatusAnswer {
  readonly listeners: readonly { readonly name: string; readonly address: string }[];
  readonly metrics: string | null;
  readonly workers: readonly { readonly pid: number; readonly state: string }[];
}

/** The configuration of a target; public so that reports can show it. */
export function weirConfiguration(
  options: WeirOptions,
  upstreamPort: number,
  folder: string,
  cores: CoreShares | null = null,
): string {
  const connections = { mode: options.upstreamMode ?? "pipelined", ...options.connections };
  const upstream = {
    endpoints: [`127.0.0.1:${upstreamPort}`],
    connections,
    ...(options.queueTimeout !== undefined && { queue: { timeout: options.queueTimeout } }),
    ...(options.admission === true && { admission: { policy: "weir" } }),
  };
  const files = `{ certificate: ${join(folder, "own.pem")}, key: ${join(folder, "own.key")} }`;
  const tls = options.alpn === undefined ? "" : `, tls: { alpn: [${options.alpn.join(", ")}], certificates: ${files} }`;
  return `workers: ${options.workersCount}
cpuPinning: ${cores === null ? "off" : `[${cores.workers.join(", ")}]`}
listeners: { public: { address: "127.0.0.1:0"${tls} } }
limits: { connectionsMax: ${options.connectionsMax ?? 12_000} }
upstreams: { exchange: ${JSON.stringify(upstream)} }
routes:
  - { name: market, match: { path: "/quotes/*" }, upstream: exchange, lane: market }
  - { name: order, match: { path: "/orders/*", methods: [POST] }, upstream: exchange, lane: order }
  - { name: cancel, match: { path: "/orders/*", methods: [DELETE] }, upstream: exchange, lane: cancel }
  - { name: rest, match: { path: "/*" }, upstream: exchange }
collector: ${options.collector ?? "{}"}
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${join(folder, "admin.sock")}" }
timeouts: { drain: 5s }
`;
}

function writeCertificate(folder: string): void {
  const { certificatePem, keyPem } = makeCertificate("weir prove", systemClock.wallMs());
  writeFileSync(join(folder, "own.pem"), certificatePem);
  writeFileSync(join(folder, "own.key"), keyPem, { mode: 0o600 });
}

export async function startWeir(options: WeirOptions): Promise<OwnTarget> {
  const folder = mkdtempSync(join(tmpdir(), "weir-prove-"));
  const example = new Child("weir example", {
    command: [process.execPath, main, "example", "--listen", "127.0.0.1:0", "--behaviour", options.behaviour ?? ""],
    environment: withoutCollectorTimer,
  });
  const cores = options.hasOwnCores === true ? shareCores(allowedCores(), options.workersCount) : null;
  try {
    const port = Number((await example.line(/127\.0\.0\.1:(\d+)/))[1]);
    const gateway = await WeirTarget.start(options, folder, port, example, cores);
    return gateway;
  } catch (error) {
    await example.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

class WeirTarget implements OwnTarget {
  readonly kind = "weir";
  readonly name = "Weir";
  readonly path = "/quotes/600519";
  readonly isLocal = true;
  readonly workersCount: number;
  readonly collectorPauses: CollectorPause[] = [];
  readonly upstreamUrl: string;
  readonly clientCores: readonly number[] | null;
  url = "";
  private metricsUrl: string | null = null;
  private readonly folder: string;
  private readonly example: Child;
  private readonly gateway: Child;

  private constructor(
    options: WeirOptions,
    folder: string,
    upstreamPort: number,
    example: Child,
    cores: CoreShares | null,
  ) {
    this.workersCount = options.workersCount;
    this.clientCores = cores?.clients ?? null;
    this.folder = folder;
    this.example = example;
    this.upstreamUrl = `http://127.0.0.1:${upstreamPort}`;
    if (options.alpn !== undefined) writeCertificate(folder);
    const file = join(folder, "weir.yaml");
    writeFileSync(file, weirConfiguration(options, upstreamPort, folder, cores));
    this.gateway = new Child("weir serve", {
      command: [process.execPath, main, "serve", file, "--log", "json"],
      environment: {
        WEIR_RUNTIME_DIR: join(folder, "run"),
        ...(options.logsCollector === true && { BUN_JSC_logGC: "1" }),
        ...options.environment,
      },
      ...(options.logsCollector === true && { onLine: (line) => this.notePauses(line) }),
    });
  }

  static async start(
    options: WeirOptions,
    folder: string,
    port: number,
    example: Child,
    cores: CoreShares | null,
  ): Promise<WeirTarget> {
    const target = new WeirTarget(options, folder, port, example, cores);
    try {
      await target.gateway.line(/"event":"generation\.serving"/);
      const { listeners, metrics } = await target.status();
      target.url = `${options.alpn === undefined ? "http" : "https"}://${listeners[0]!.address}`;
      target.metricsUrl = metrics === null ? null : `http://${metrics}/metrics`;
      return target;
    } catch (error) {
      await target.gateway.stop();
      throw error;
    }
  }

  get upstreamIds(): readonly number[] {
    return [this.example.pid];
  }

  async workerIds(): Promise<readonly number[]> {
    return (await this.status()).workers.map(({ pid }) => pid);
  }

  async metrics(): Promise<MetricValues | null> {
    if (this.metricsUrl === null) return null;
    return parseMetrics(await (await fetch(this.metricsUrl)).text());
  }

  async restart(): Promise<{ ok: boolean; tookMs: number }> {
    return (await this.admin("POST", "/restart")) as { ok: boolean; tookMs: number };
  }

  kill(processId: number): void {
    process.kill(processId, "SIGKILL");
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.example.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async status(): Promise<StatusAnswer> {
    return (await this.admin("GET", "/status")) as StatusAnswer;
  }

  private async admin(method: "GET" | "POST", path: string): Promise<unknown> {
    const response = await fetch(`http://weir${path}`, { method, unix: join(this.folder, "admin.sock") });
    if (!response.ok && response.status !== 422) {
      throw new WeirError("prove.admin", `the gateway answered ${response.status} to ${path}`, { hint: "see its log" });
    }
    return await response.json();
  }

  /**
   * Collectors of workers speak through the supervisor's log, which wraps their lines: as `message`, and again as `line`. The
   * supervisor's own collector writes to the same stream, also into the middle of such a line, which then is no JSON and may bring
   * one pause too many.
   */
  private notePauses(line: string): void {
    const found = /"worker\.stderr".*?worker process (\d+): (.*?)(?:","pid":|$)/.exec(line);
    if (found === null) return;
    for (const [, ms] of found[2]!.matchAll(/\bp=([\d.]+)ms/g)) {
      this.collectorPauses.push({ processId: Number(found[1]), ms: Number(ms) });
    }
  }
}
