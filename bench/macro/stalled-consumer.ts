/**
 * Who reads the access log stands still, and so do twenty scrapers of the metrics that have asked and do not read: does the
 * gateway's P99 notice? The same gateway in turn with its consumers reading and stalled, at a steady rate.
 *
 *     bun bench/macro/stalled-consumer.ts [--rounds=8] [--seconds=3] [--rate=2000]
 *
 * The log is the worker's standard output, a pipe into `cat`, which is stopped and continued.
 */
import { Random } from "../../src/base/mod.ts";
import { adminRequest, type Status } from "../../src/supervisor/mod.ts";
import { descendantsOf } from "../rig/fleet.ts";
import {
  Fleet,
  freePort,
  isServing,
  main,
  otherCore,
  ratiosOf,
  servingCore,
  showSpread,
  spreadOf,
} from "../rig/mod.ts";
import { LaneLoad } from "./lane-load.ts";
import { option } from "./load-tools.ts";

const rounds = option("rounds", 8, 1);
const seconds = option("seconds", 3, 1);
const perSecond = option("rate", 2000, 200);
const scrapersCount = 20;

const fleet = new Fleet();
try {
  const [backendPort, port, metricsPort] = [freePort(), freePort(), freePort()];
  const backend = fleet.start(otherCore, [process.execPath, main, "example", "--listen", `127.0.0.1:${backendPort}`]);
  await isServing(backend, `http://127.0.0.1:${backendPort}/quotes/WEIR`);
  const address = { kind: "unix", path: `${fleet.folder}/admin.sock` } as const;
  const file = fleet.write(
    "gateway.yaml",
    `workers: 1
listeners: { public: { address: "127.0.0.1:${port}" } }
upstreams: { core: { endpoints: ["127.0.0.1:${backendPort}"] } }
routes: [{ match: { path: "/*" }, upstream: core }]
metrics: { address: "127.0.0.1:${metricsPort}" }
admin: { address: "unix:${address.path}" }
accessLog: { to: stdout }
`,
  );
  const gateway = fleet.start(servingCore, [
    "sh",
    "-c",
    `'${process.execPath}' '${main}' serve '${file}' | cat >/dev/null`,
  ]);
  await isServing(gateway, `http://127.0.0.1:${port}/quotes/WEIR`);
  const { pid, workers } = (await adminRequest({ address, token: null }, "GET", "/status")).body as Status;
  const serving = new Set([pid, ...workers.map((worker) => worker.pid)]);
  const reader = descendantsOf(gateway.pid).find((one) => !serving.has(one))!;
  const p99Ms: Record<"reading" | "stalled", number[]> = { reading: [], stalled: [] };
  const random = new Random(option("seed", 1));
  await measure(port);
  for (let round = 0; round < rounds; round++) {
    for (const state of random.unit() < 0.5 ? (["reading", "stalled"] as const) : (["stalled", "reading"] as const)) {
      const scrapers = state === "stalled" ? await stalledScrapers(metricsPort) : [];
      if (state === "stalled") process.kill(reader, "SIGSTOP");
      p99Ms[state].push(await measure(port));
      process.kill(reader, "SIGCONT");
      for (const scraper of scrapers) scraper.terminate();
    }
  }
  for (const [state, values] of Object.entries(p99Ms))
    console.log(`${state}: P99 ${showSpread(spreadOf(values), 2)} ms`);
  console.log(`stalled to reading: ${showSpread(ratiosOf(p99Ms.stalled, p99Ms.reading), 2)}`);
} finally {
  await fleet.close();
}

/** The 99th percentile of a few seconds at a steady rate, in milliseconds. */
async function measure(port: number): Promise<number> {
  const classes = [{ weight: 1, bytes: "GET /quotes/WEIR HTTP/1.1\r\nHost: a\r\n\r\n" }];
  const load = new LaneLoad({ port, classes, timeoutMs: 2000, seed: 1 });
  await load.warm(64);
  await load.offer(perSecond, seconds);
  await load.finish();
  const failed = load.fates.filter(({ status }) => status !== 200).length;
  if (failed > 0) throw new Error(`${failed} of ${load.fates.length} requests failed`);
  const took = load.fates.map(({ tookMs }) => tookMs).sort((left, right) => left - right);
  return took[Math.floor(took.length * 0.99)]!;
}

/** Connections that ask for the metrics and never read the answer; they are rendered before the measuring begins. */
async function stalledScrapers(port: number): Promise<Bun.Socket[]> {
  const question = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  const scrapers = await Promise.all(
    Array.from({ length: scrapersCount }, async () => {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      socket.pause();
      socket.write(question);
      return socket;
    }),
  );
  await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return scrapers;
}
