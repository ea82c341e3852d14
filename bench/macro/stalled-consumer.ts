/**
 * Who reads the access log stands still, and so do twenty scrapers of the metrics that have asked and do not read: does the
 * gateway's P99 notice? The same gateway in turn with its consumers reading and stalled, at a steady rate.
 *
 *     bun bench/macro/stalled-consumer.ts [--rounds=8] [--seconds=3] [--rate=2000]
 *
 * The log is the worker's standard output, a pipe into `cat`, which is stopped and continued. A machine that stands still for
 * some milliseconds now and then moves the 99th percentile of a few seconds by its double, so it is taken of all rounds
 * together, with the interval in which 95 of 100 resamples of the rounds lie, and consumers that read are also compared with themselves.
 */
import { Random } from "../../src/base/mod.ts";
import { adminRequest, type Status } from "../../src/supervisor/mod.ts";
import { descendantsOf } from "../rig/fleet.ts";
import { Fleet, freePort, isServing, main, otherCore, servingCore, showSpread, spreadOf } from "../rig/mod.ts";
import { LaneLoad } from "./lane-load.ts";
import { option } from "./load-tools.ts";

const rounds = option("rounds", 8, 1);
const seconds = option("seconds", 3, 1);
const perSecond = option("rate", 2000, 200);
const scrapersCount = 20;
/** `again` is another `reading`: what the machine alone makes of the difference. */
const states = ["reading", "again", "stalled"] as const;

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
  const tookMs: Record<(typeof states)[number], number[][]> = { reading: [], again: [], stalled: [] };
  const random = new Random(option("seed", 1));
  await measure(port);
  for (let round = 0; round < rounds; round++) {
    const order = states.map((state) => ({ state, key: random.unit() })).sort((left, right) => left.key - right.key);
    for (const { state } of order) {
      const scrapers = state === "stalled" ? await stalledScrapers(metricsPort) : [];
      if (state === "stalled") process.kill(reader, "SIGSTOP");
      tookMs[state].push(await measure(port));
      process.kill(reader, "SIGCONT");
      for (const scraper of scrapers) scraper.terminate();
    }
  }
  for (const [state, all] of Object.entries(tookMs)) {
    console.log(
      `${state}: P99 ${p99Of(all.flat()).toFixed(2)} ms, by round ${showSpread(spreadOf(all.map(p99Of)), 2)}`,
    );
  }
  for (const state of ["again", "stalled"] as const) {
    const resamples = Array.from({ length: 1000 }, () => {
      const drawn = Array.from({ length: rounds }, () => random.below(rounds));
      const of = (one: typeof state | "reading"): number => p99Of(drawn.flatMap((round) => tookMs[one][round]!));
      return of(state) / of("reading");
    }).sort((left, right) => left - right);
    const [low, high] = [0.025, 0.975].map((share) => resamples[Math.floor(share * resamples.length)]!.toFixed(2));
    const ratio = p99Of(tookMs[state].flat()) / p99Of(tookMs.reading.flat());
    console.log(`${state} to reading: ${ratio.toFixed(2)} (${low} to ${high})`);
  }
} finally {
  await fleet.close();
}

function p99Of(values: number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length * 0.99)]!;
}

/** What each request of a few seconds at a steady rate took, in milliseconds. */
async function measure(port: number): Promise<number[]> {
  const classes = [{ weight: 1, bytes: "GET /quotes/WEIR HTTP/1.1\r\nHost: a\r\n\r\n" }];
  const load = new LaneLoad({ port, classes, timeoutMs: 2000, seed: 1 });
  await load.warm(64);
  await load.offer(perSecond, seconds);
  await load.finish();
  const failed = load.fates.filter(({ status }) => status !== 200).length;
  if (failed > 0) throw new Error(`${failed} of ${load.fates.length} requests failed`);
  return load.fates.map(({ tookMs }) => tookMs);
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
