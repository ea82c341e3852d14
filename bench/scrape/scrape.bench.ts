/**
 * What a scrape of `/metrics` does to the latency of requests: a real gateway with 1,000 routes that all have traffic, an
 * open-loop load at a constant rate, rounds with one scrape a second and rounds without in pairs, whose order alternates.
 * Prints the P99 of every round and the ratio of the medians with its 95 % interval; the bar is 1.02.
 *
 *     bun bench/scrape/scrape.bench.ts [--rounds 6] [--seconds 5] [--rate 8000] [--routes 1000]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../src/base/mod.ts";
import { constantShape, type LoadPlan, noChecks, planDefaults, runLoad } from "../../src/load/mod.ts";
import { type Comparison, comparePairs, median } from "../../src/prove/mod.ts";

const root = join(import.meta.dir, "../..");

export interface ScrapeOptions {
  /** Pairs of one round without and one with scrapes. */
  readonly rounds: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly routes: number;
}

export interface ScrapeEffect {
  readonly quietP99Us: readonly number[];
  readonly scrapedP99Us: readonly number[];
  /** Median of the rounds with scrapes over that of those without. */
  readonly ratio: Comparison["ratio"];
  readonly scrapeMs: readonly number[];
  readonly scrapeBytes: number;
  readonly errors: number;
}

interface Gateway {
  readonly port: number;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** Runs the comparison. */
export async function measureScrapeEffect(options: ScrapeOptions): Promise<ScrapeEffect> {
  const folder = mkdtempSync(join(tmpdir(), "weir-scrape-"));
  const backend = await startBackend();
  let gateway: Gateway | undefined;
  const quiet: number[] = [];
  const scraped: number[] = [];
  const scrapeMs: number[] = [];
  let scrapeBytes = 0;
  let errors = 0;
  try {
    gateway = await startGateway(folder, backend.port, options.routes);
    const { metricsUrl } = gateway;
    await runLoad(plan(gateway.port, options, Math.min(3, options.seconds)));
    for (let i = 0; i < 20; i++) await scrape(metricsUrl); // Both sides as warm as they will ever be.
    for (let round = 0; round < options.rounds * 2; round++) {
      // Quiet first in one pair, scraped first in the next: what drifts meets both alike.
      const isScraped = round % 4 === 1 || round % 4 === 2;
      const onSecond = async (): Promise<void> => {
        if (!isScraped) return;
        const done = await scrape(metricsUrl);
        scrapeMs.push(done.ms);
        scrapeBytes = done.bytes;
      };
      const timer = setInterval(onSecond, 1000);
      const [{ summary }] = await Promise.all([runLoad(plan(gateway.port, options, options.seconds)), onSecond()]);
      clearInterval(timer);
      errors += summary.errors.total;
      (isScraped ? scraped : quiet).push(summary.latencyUs.p99);
    }
  } finally {
    await gateway?.stop();
    backend.stop();
    rmSync(folder, { recursive: true });
  }
  const pairs = quiet.map((value, index) => [value, scraped[index]!] as const);
  const { ratio } = comparePairs(pairs, median, { random: new Random(1) });
  return { quietP99Us: quiet, scrapedP99Us: scraped, ratio, scrapeMs, scrapeBytes, errors };
}

function plan(port: number, options: ScrapeOptions, seconds: number): LoadPlan {
  return {
    name: "scrape",
    target: { host: "127.0.0.1", port, isSecure: false },
    protocol: "http/1.1",
    streamsPerConnection: 1,
    tls: null,
    classes: [
      {
        name: "route",
        weight: 1,
        method: "GET",
        path: `/r{{random:0:${options.routes - 1}}}/x`,
        headers: [],
        body: null,
        checks: noChecks,
      },
    ],
    load: {
      kind: "open",
      arrivals: "poisson",
      pieces: constantShape(options.perSecond, seconds * 1000),
      catchUp: "send",
      skipAfterMs: planDefaults.skipAfterMs,
    },
    connectionsCount: 64,
    idleConnectionsCount: 0,
    warmupMs: 0,
    requestsMax: null,
    timeoutMs: planDefaults.timeoutMs,
    connectTimeoutMs: planDefaults.connectTimeoutMs,
    connectPerSecond: planDefaults.connectPerSecond,
    reusesConnections: true,
    sourceAddresses: [],
    processesCount: 1,
    seed: 1,
    pacing: "auto",
    drainMs: planDefaults.drainMs,
    health: {
      sendLagUsP99Max: planDefaults.sendLagUsP99Max,
      cpuRatioMax: planDefaults.cpuRatioMax,
      stallMsMax: planDefaults.stallMsMax,
      isVoidable: false,
    },
  };
}

async function startBackend(): Promise<{ port: number; stop(): void }> {
  const program = `
    import { startNullServer } from ${JSON.stringify(join(root, "src/load/mod.ts"))};
    console.log(startNullServer().port);
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const port = Number((await firstMatch(child.stdout, /^(\d+)\n/))[1]);
  return { port, stop: () => child.kill() };
}

async function startGateway(folder: string, backendPort: number, routes: number): Promise<Gateway> {
  const file = join(folder, "scrape.yaml");
  const lines = Array.from(
    { length: routes },
    (_, index) => `  - { name: route-${index}, match: { path: "/r${index}/*" }, upstream: core }`,
  );
  await Bun.write(
    file,
    `workers: 1
listeners:
  public: { address: "127.0.0.1:0" }
upstreams:
  core: { endpoints: ["127.0.0.1:${backendPort}"] }
routes:
${lines.join("\n")}
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${join(folder, "admin.sock")}" }
accessLog: off
`,
  );
  const child = Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), "serve", file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const found = await firstMatch(
    child.stdout,
    /http:\/\/127\.0\.0\.1:(\d+)[\s\S]*(http:\/\/127\.0\.0\.1:\d+\/metrics)/,
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  return { port: Number(found[1]), metricsUrl: found[2]!, stop };
}

/** Reads until the text matches; the stream goes on being read, so that the child never blocks on it. */
async function firstMatch(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<RegExpExecArray> {
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the process ended having said: ${text}`);
    text += new TextDecoder().decode(value);
    const match = pattern.exec(text);
    if (match === null) continue;
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return match;
  }
}

async function scrape(url: string): Promise<{ ms: number; bytes: number }> {
  const startMs = performance.now();
  const answer = await fetch(url);
  const bytes = (await answer.arrayBuffer()).byteLength;
  if (answer.status !== 200) throw new Error(`a scrape was answered with ${answer.status}`);
  return { ms: performance.now() - startMs, bytes };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "6" },
      seconds: { type: "string", default: "5" },
      rate: { type: "string", default: "8000" },
      routes: { type: "string", default: "1000" },
    },
  });
  const effect = await measureScrapeEffect({
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    perSecond: Number(values.rate),
    routes: Number(values.routes),
  });
  const list = (numbers: readonly number[]): string => numbers.map((number) => number.toFixed(0)).join(" ");
  console.log(`P99 without scrapes  ${list(effect.quietP99Us)} us`);
  console.log(`P99 with scrapes     ${list(effect.scrapedP99Us)} us`);
  const { estimate, low, high } = effect.ratio;
  const interval = `${estimate.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  console.log(`ratio of medians     ${interval} (bar: 1.02), errors ${effect.errors}`);
  console.log(`a scrape             ${median(effect.scrapeMs).toFixed(1)} ms, ${effect.scrapeBytes} bytes`);
}
