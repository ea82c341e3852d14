/** Every peer by the name it has on command lines and in results. */
import { startFloor, startKernelFloor } from "./floor.ts";
import { startFasthttp, startGoNetHttp } from "./go.ts";
import { startHaproxy } from "./haproxy.ts";
import { startNginx } from "./nginx.ts";
import type { Peer, PeerOptions, StartPeer } from "./peer.ts";
import { startWeir } from "./weir.ts";

const starts: Readonly<Record<string, StartPeer>> = {
  "weir-exclusive": (options) => startWeir("exclusive", options),
  "weir-pipelined": (options) => startWeir("pipelined", options),
  "weir-multiplexed": (options) => startWeir("multiplexed", options),
  nginx: startNginx,
  haproxy: startHaproxy,
  "go-net-http": startGoNetHttp,
  fasthttp: startFasthttp,
  "floor-exclusive": (options) => startFloor("exclusive", options),
  "floor-pipelined": (options) => startFloor("pipelined", options),
  "floor-kernel": startKernelFloor,
};

/** All but those that ask for an upstream of HTTP/2, which the usual backend is not. */
export const peerNames: readonly string[] = Object.keys(starts).filter((name) => name !== "weir-multiplexed");

export async function startPeer(name: string, options: PeerOptions): Promise<Peer> {
  const start = starts[name];
  if (start === undefined) throw new Error(`there is no peer ${name}; there are ${Object.keys(starts).join(", ")}`);
  return await start(options);
}
