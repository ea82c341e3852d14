/** The bare forwarders of bench/floor as peers. */
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

/** The forwarder on the kernel's calls alone. */
export async function startKernelFloor(options: PeerOptions): Promise<Peer> {
  const program = join(root, "bench/floor/kernel-forwarder.ts");
  const words = (port: number): string[] => [process.execPath, program, String(port), String(options.backendPort)];
  return await startSingle(options, "floor-kernel", `Bun ${Bun.version}`, words);
}
