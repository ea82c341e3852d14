/**
 * The same closed-loop run by wrk and by `weir load` against nginx, one worker on a core of its own. Bars: rate within 5 %,
 * P50 and P99 within 10 %. nginx proxies to itself, so that it is the bottleneck: where a generator is, wrk leaves out of its
 * latencies the time between an answer and the next write, and `weir load` does not.
 *
 * Both run at the same time, from the same core, against the same worker: its speed changes by half from one second to the next on
 * a shared machine (seen inside single runs of either), so that one after the other the median of 24 pairs differed by 9 % for
 * no reason of theirs. Side by side each request of the one waits behind requests of the other, and what is left is what they measure.
 *
 *     weir   connect | warm-up, 6 s: its compiler's | measured
 *     wrk                                             | measured
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clientCore,
  freePort,
  type Measured,
  measureWeir,
  measureWrk,
  option,
  ratioOf,
  serverCore,
  serving,
  showRatio,
  tell,
} from "./load-tools.ts";

const seconds = option("seconds", 10, 1);
const rounds = option("rounds", 8, 1);
/** Of each of the two. */
const connections = option("connections", 32, 8);
const warmup = option("warmup", 6, 1);
const connectMsMax = 10_000;

const folder = mkdtempSync(join(tmpdir(), "weir-bench-nginx-"));
const port = await freePort();
const backPort = await freePort();
const configuration = join(folder, "nginx.conf");
writeFileSync(
  configuration,
  `daemon off; worker_processes 1; error_log ${folder}/error.log; pid ${folder}/pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream back { server 127.0.0.1:${backPort}; keepalive 64; }
  server { listen 127.0.0.1:${backPort}; location / { return 200 '{"symbol":"600000","price":"10.20"}'; } }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`,
);
const nginx = Bun.spawn(["taskset", "-c", String(serverCore), "nginx", "-c", configuration], {
  stdio: ["ignore", "ignore", "inherit"],
});
try {
  const url = `http://127.0.0.1:${port}/`;
  await serving(url);
  const words = [
    url,
    "--connections",
    String(connections),
    "--duration",
    `${seconds + warmup}s`,
    "--warmup",
    `${warmup}s`,
    "--processes",
    "1",
  ];
  const pairs: [Measured, Measured][] = [];
  for (let round = 0; round < rounds; round++) {
    const weir = measureWeir(clientCore, words, connections);
    await connected();
    await Bun.sleep(warmup * 1000);
    const wrk = measureWrk(clientCore, url, connections, seconds);
    pairs.push(await Promise.all([weir, wrk]));
  }
  const show = ({ requestsPerSecond, p50Us, p99Us }: Measured): string =>
    `${Math.round(requestsPerSecond)}/s P50 ${Math.round(p50Us)} us P99 ${Math.round(p99Us)} us`;
  for (const [weir, wrk] of pairs) console.log(`weir ${show(weir)}; wrk ${show(wrk)}`);
  const bars = [
    ["requestsPerSecond", 0.05],
    ["p50Us", 0.1],
    ["p99Us", 0.1],
  ] as const;
  for (const [figure, bar] of bars) {
    const ratio = ratioOf(pairs, figure);
    tell(
      `weir / wrk against nginx, ${figure}`,
      showRatio(ratio),
      `within ${bar * 100} %`,
      Math.abs(ratio.median - 1) <= bar,
    );
  }
} finally {
  nginx.kill();
  await nginx.exited;
  rmSync(folder, { recursive: true, force: true });
}

/** Waits until the connections of `weir load` are open: its warm-up begins. */
async function connected(): Promise<void> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const isOpen = (line: string): boolean => {
    const fields = line.trim().split(/\s+/);
    return fields[1]?.endsWith(local) === true && fields[3] === "01";
  };
  for (const untilMs = performance.now() + connectMsMax; performance.now() < untilMs; await Bun.sleep(10)) {
    if (readFileSync("/proc/net/tcp", "utf8").split("\n").filter(isOpen).length >= connections) return;
  }
  throw new Error(`weir load has not opened ${connections} connections in ${connectMsMax} ms`);
}
