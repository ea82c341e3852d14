/**
 * Weir as its users run it: `weir serve` with the smallest configuration there is, metrics on and access log off. The
 * supervisor runs on the generator's core, so that its work is not mistaken for the workers'; its time is shown apart.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../src/base/mod.ts";
import { childrenOf, freePort, isServing, main, otherCore, until } from "./fleet.ts";
import { type Peer, type PeerOptions, untilReady } from "./peer.ts";

export type Mode = "exclusive" | "pipelined" | "multiplexed";

export async function startWeir(mode: Mode, options: PeerOptions): Promise<Peer> {
  const { fleet, core, workers } = options;
  const port = freePort();
  const name = `weir-${mode}`;
  const file = fleet.write(`${name}-${port}.yaml`, configuration(mode, port, options));
  const program = fleet.start(otherCore, [process.execPath, main, "serve", file]);
  const url = await untilReady(program, port, options);
  // It listens before it serves.
  if (options.readyPath === null) await isServing(program, new URL("/health", url).href);
  // While the image of the workers' program is being written, a compiler runs beside them.
  await until(program, () => {
    const children = childrenOf(program.pid);
    return children.length === workers && children.every(isWorker);
  });
  const serving = childrenOf(program.pid);
  if (core >= 0) for (const pid of serving) pin(pid, core);
  return { name, version, url, program, serving, supervising: [program.pid] };
}

function configuration(mode: Mode, port: number, options: PeerOptions): string {
  const { fleet, backendPort, workers, connectionsMax, extraWeir = "" } = options;
  // A WebSocket keeps one.
  const upstreamsMax = Math.max(10_000, 2 * connectionsMax);
  return `workers: ${workers}
listeners:
  public: { address: "127.0.0.1:${port}" }
upstreams:
  core:
    endpoints: ["127.0.0.1:${backendPort}"]
    connections: { mode: ${mode}, maxIdlePerEndpoint: 2000, maxPerEndpoint: ${upstreamsMax}, idleTimeout: 10m }
    # A machine that is busy with other work refuses nothing.
    queue: { timeout: 10s }
    timeouts: { connect: 10s }
routes:
  - match: { path: "/*" }
    upstream: core
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${join(fleet.folder, `${port}.sock`)}" }
accessLog: off
${extraWeir}`;
}

/** A child that has not begun its own program yet still shows its parent's words. */
function isWorker(pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return !words.includes("build") && !words.includes("serve");
  } catch {
    return false; // It has just ended.
  }
}

/** All its threads: the collector's as well. */
function pin(pid: number, core: number): void {
  const { success, stderr } = Bun.spawnSync(["taskset", "-a", "-c", "-p", String(core), String(pid)]);
  if (!success) throw new Error(`process ${pid} cannot be pinned: ${stderr}`);
}
