/** The bare forwarder of bench/floor as a peer. */
import { join } from "node:path";
import { root } from "./fleet.ts";
import { type Peer, type PeerOptions, startSingle } from "./peer.ts";
import type { Mode } from "./weir.ts";

export async function startFloor(mode: Mode, options: PeerOptions): Promise<Peer> {
  const program = join(root, "bench/floor/forwarder.ts");
  const words = (port: number): string[] => [
    process.execPath,
    program,
    mode,
    String(port),
    String(options.backendPort),
  ];
  return await startSingle(options, `floor-${mode}`, `Bun ${Bun.version}`, words);
}
