/**
 * A rate limit of all workers together while one of them is killed: four workers, twice as much offered as is allowed, and what
 * was let through compared with the rate.
 *
 *     bun bench/macro/global-limit.ts [--rate=2000] [--seconds=10] [--rounds=5]
 *
 * The bar: within 2 % of the rate times the time, and one burst, in every round. Of the worker that is killed the answers on
 * their way are lost; they were let through and are not seen here, a handful of each round.
 */
import { adminRequest, type Status } from "../../src/supervisor/mod.ts";
import { anyCore, Fleet, freePort, isServing, main, showSpread, spreadOf, until } from "../rig/mod.ts";
import { LaneLoad } from "./lane-load.ts";
import { isSmall, option } from "./load-tools.ts";

const rate = option("rate", 2000, 500);
const seconds = option("seconds", 10, 2);
const rounds = option("rounds", 5, 1);
const burst = 100;
const barRatio = 0.02;

const fleet = new Fleet();
try {
  const [backendPort, port] = [freePort(), freePort()];
  const backend = fleet.start(anyCore, [process.execPath, main, "example", "--listen", `127.0.0.1:${backendPort}`]);
  await isServing(backend, `http://127.0.0.1:${backendPort}/quotes/WEIR`);
  const address = { kind: "unix", path: `${fleet.folder}/admin.sock` } as const;
  const file = fleet.write(
    "gateway.yaml",
    `workers: 4
listeners: { public: { address: "127.0.0.1:${port}" } }
upstreams: { core: { endpoints: ["127.0.0.1:${backendPort}"] } }
rateLimits: { all: { rate: ${rate}/s, burst: ${burst} } }
routes: [{ match: { path: "/*" }, upstream: core, rateLimits: all }]
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${address.path}" }
accessLog: off
`,
  );
  const gateway = fleet.start(anyCore, [process.execPath, main, "serve", file]);
  await isServing(gateway, `http://127.0.0.1:${port}/quotes/WEIR`);
  const status = async (): Promise<Status> =>
    (await adminRequest({ address, token: null }, "GET", "/status")).body as Status;
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await until(gateway, async () => (await status()).isReady);
    const ratio = await play(port, round, async () => {
      process.kill((await status()).workers[round % 4]!.pid, "SIGKILL");
    });
    ratios.push(ratio);
  }
  console.log(`let through, of ${rate}/s and one burst: ${showSpread(spreadOf(ratios), 4)}`);
  process.exitCode = ratios.every((ratio) => Math.abs(ratio - 1) <= barRatio) || isSmall() ? 0 : 3;
} finally {
  await fleet.close();
}

/** What was let through in one round over what may be. */
async function play(port: number, seed: number, kill: () => Promise<void>): Promise<number> {
  const classes = [{ weight: 1, bytes: "GET /quotes/WEIR HTTP/1.1\r\nHost: a\r\n\r\n" }];
  const load = new LaneLoad({ port, classes, timeoutMs: 2000, seed });
  await load.warm(64);
  // The limit may be whole or not at the start: one burst at most is taken before the count begins.
  await load.offer(2 * rate, 1);
  const fromMs = await load.offer(2 * rate, seconds / 2);
  await kill();
  await load.offer(2 * rate, seconds / 2);
  const toMs = performance.now();
  await load.finish();
  const admitted = load.fates.filter(({ status, dueMs }) => status === 200 && dueMs >= fromMs && dueMs < toMs).length;
  const lost = load.fates.filter(({ status }) => status === 0).length;
  const ratio = admitted / ((rate * (toMs - fromMs)) / 1000);
  console.log(`round ${seed + 1}: ${admitted} let through, ${lost} without an answer, ${ratio.toFixed(4)} of the rate`);
  return ratio;
}
