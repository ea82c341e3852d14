/**
 * `weir load --http 2` beside h2load from one core, in the clear and over TLS, against nginx on the other core: 8 connections of 16
 * streams. Told are requests per second and the generator's own processor time for each; h2load records less (no percentiles).
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clientCore,
  freePort,
  interleave,
  type Measured,
  option,
  ratioOf,
  runOn,
  runWeir,
  serverCore,
  serving,
  showRatio,
  tell,
} from "./load-tools.ts";

const seconds = option("seconds", 4, 1);
const rounds = option("rounds", 4, 1);
const connections = option("connections", 8, 2);
const streams = option("streams", 16, 4);

const folder = mkdtempSync(join(tmpdir(), "weir-bench-http2-"));
const [plainPort, securePort, statusPort] = [await freePort(), await freePort(), await freePort()];
const certificate = [
  "-keyout",
  `${folder}/key.pem`,
  "-out",
  `${folder}/cert.pem`,
  "-days",
  "2",
  "-subj",
  "/CN=localhost",
];
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
Bun.spawnSync(["openssl", "req", "-x509", "-nodes", ...curve, ...certificate], {
  stdio: ["ignore", "ignore", "ignore"],
});
const configuration = join(folder, "nginx.conf");
writeFileSync(
  configuration,
  `daemon off; worker_processes 1; error_log ${folder}/error.log; pid ${folder}/pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem; ssl_protocols TLSv1.3;
  server { listen 127.0.0.1:${statusPort}; location / { return 200 'up'; } }
  server {
    listen 127.0.0.1:${plainPort} http2; listen 127.0.0.1:${securePort} ssl http2;
    location / { return 200 '{"symbol":"600000","price":"10.20"}'; }
  }
}`,
);
const nginx = Bun.spawn(["taskset", "-c", String(serverCore), "nginx", "-c", configuration], {
  stdio: ["ignore", "ignore", "ignore"],
});
try {
  await serving(`http://127.0.0.1:${statusPort}/`);
  for (const url of [`http://127.0.0.1:${plainPort}/`, `https://127.0.0.1:${securePort}/`]) {
    const pairs = await interleave(
      rounds,
      () => measureWeir(url),
      () => measureH2load(url),
    );
    const show = ({ requestsPerSecond, cpuUsPerRequest }: Measured): string =>
      `${Math.round(requestsPerSecond)}/s at ${cpuUsPerRequest.toFixed(2)} us of processor`;
    const scheme = url.slice(0, url.indexOf(":"));
    for (const [weir, h2load] of pairs) console.log(`${scheme}: weir ${show(weir)}; h2load ${show(h2load)}`);
    tell(`weir / h2load over ${scheme}, requests per second`, showRatio(ratioOf(pairs, "requestsPerSecond")), "", null);
    tell(`weir / h2load over ${scheme}, processor time`, showRatio(ratioOf(pairs, "cpuUsPerRequest")), "", null);
  }
} finally {
  nginx.kill();
  await nginx.exited;
  rmSync(folder, { recursive: true, force: true });
}

async function measureWeir(url: string): Promise<Measured> {
  const shape = ["--http", "2", "--connections", String(connections), "--streams", String(streams), "--processes", "1"];
  const insecure = url.startsWith("https") ? ["--insecure"] : [];
  const times = ["--duration", `${seconds + 1}s`, "--warmup", "1s"];
  const { summary, generator } = await runWeir(clientCore, [url, ...shape, ...insecure, ...times]);
  if (summary.errors.total > 0) throw new Error(`${url}: ${JSON.stringify(summary.errors)}`);
  const cpuRatio = generator.processes.reduce((sum, each) => sum + each.cpuAllRatio, 0);
  return {
    requests: summary.requests,
    requestsPerSecond: summary.requestsPerSecond,
    p50Us: summary.latencyUs.p50,
    p99Us: summary.latencyUs.p99,
    cpuUsPerRequest: (cpuRatio * summary.measuredSeconds * 1e6) / summary.requests,
  };
}

/** h2load ends by time with `-D`, and tells no percentiles. */
async function measureH2load(url: string): Promise<Measured> {
  const words = ["h2load", "-t1", `-c${connections}`, `-m${streams}`, `-D${seconds}`, url];
  const { out, cpuUs } = await runOn(clientCore, words);
  const requests = Number(/(\d+) succeeded/.exec(out)?.[1] ?? Number.NaN);
  return {
    requests,
    requestsPerSecond: requests / seconds,
    p50Us: Number.NaN,
    p99Us: Number.NaN,
    cpuUsPerRequest: cpuUs / requests,
  };
}
