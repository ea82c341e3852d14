/** nginx and HAProxy with one worker each in front of the same upstream, where they are installed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import type { Target } from "./target.ts";

export type PeerName = "nginx" | "haproxy";

const readyMsMax = 10_000;

function nginxConfiguration(port: number, upstream: string, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  return `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 8192; }
http { access_log off; ${temporary} keepalive_requests 1000000000;
  upstream exchange { server ${upstream}; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://exchange; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`;
}

function haproxyConfiguration(port: number, upstream: string): string {
  return `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  default_backend exchange
backend exchange
  server one ${upstream}
`;
}

/** Null where it is not installed. */
export async function startPeer(name: PeerName, upstreamUrl: string, path: string): Promise<Target | null> {
  const binary = Bun.which(name, { PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` });
  if (binary === null) return null;
  const folder = mkdtempSync(join(tmpdir(), "weir-peer-"));
  const port = freePort();
  const upstream = upstreamUrl.replace("http://", "");
  const file = join(folder, `${name}.conf`);
  const isNginx = name === "nginx";
  writeFileSync(file, isNginx ? nginxConfiguration(port, upstream, folder) : haproxyConfiguration(port, upstream));
  const command = isNginx ? [binary, "-p", folder, "-e", "stderr", "-c", file] : [binary, "-db", "-f", file];
  const child = new Child(name, { command });
  const stop = async (): Promise<void> => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  if (!(await answers(url + path))) {
    await stop();
    return null;
  }
  const workerIds = async (): Promise<number[]> => (isNginx ? childrenOf(child.pid) : [child.pid]);
  const seen = { workerIds, upstreamIds: [], clientCores: null, metrics: async () => null };
  return { kind: "peer", name, url, path, isLocal: true, ...seen, stop };
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

async function answers(url: string): Promise<boolean> {
  const deadline = AbortSignal.timeout(readyMsMax);
  while (!deadline.aborted) {
    const response = await fetch(url).catch(() => null);
    if (response !== null) return response.ok;
    await Bun.sleep(20);
  }
  return false;
}
