/**
 * The same closed-loop run by wrk and by `weir load` against nginx, one worker on a core of its own. Bars: rate within 5 %,
 * P50 and P99 within 10 %. nginx proxies to itself, so that it is the bottleneck: where a generator is, wrk leaves out of its
 * latencies the time between an answer and the next write, and `weir load` does not. The generator has one core here, which it
 * shares with the runtime's compiler for its first seconds (measured: 57 ms a second until the sixth, 5 then): they are warm-up.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clientCore,
  freePort,
  interleave,
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

const seconds = option("seconds", 5, 1);
const rounds = option("rounds", 6, 1);
const connections = option("connections", 64, 16);
const warmup = option("warmup", 5, 1);

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
  const pairs = await interleave(
    rounds,
    () => measureWeir(clientCore, words, connections),
    () => measureWrk(clientCore, url, connections, seconds),
  );
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
