/** A gateway under measurement: Weir, or another program that does the same. */
import { type Fleet, freePort, isListening, isServing, otherCore, type Program, root, until } from "./fleet.ts";

export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly program: Program;
  /** Processes that serve requests: the ones measured. */
  readonly serving: readonly number[];
  /** Processes that only watch over them: shown apart. */
  readonly supervising: readonly number[];
}

export interface PeerOptions {
  readonly fleet: Fleet;
  readonly backendPort: number;
  /** Core of the serving processes, or `anyCore`. */
  readonly core: number;
  readonly workers: number;
  /** The most connections of clients at once: for those peers that must be told. */
  readonly connectionsMax: number;
  /** More lines of Weir's configuration; without them it is the smallest there is. */
  readonly extraWeir?: string;
  /** What clients speak, in the clear; Weir takes both on every port. */
  readonly clients?: "http1" | "http2";
  /** What is asked for, until it answers with 200; null where it is enough that it takes connections. */
  readonly readyPath?: string | null;
}

export const readyPath = "/quotes/WEIR";

export type StartPeer = (options: PeerOptions) => Promise<Peer>;

/** Where a peer is asked for something, and waits until it answers. */
export async function untilReady(program: Program, port: number, options: PeerOptions): Promise<string> {
  const url = `http://127.0.0.1:${port}${options.readyPath ?? readyPath}`;
  if (options.readyPath === null) await isListening(program, port);
  else await isServing(program, url);
  return url;
}

/** Starts the backend on the core of the generator; its port. */
export async function startBackend(fleet: Fleet, protocol: "http1" | "http2" = "http1"): Promise<number> {
  const file = protocol === "http1" ? "backend.ts" : "http2-backend.ts";
  const program = fleet.start(otherCore, [process.execPath, `${root}/bench/rig/${file}`]);
  await until(program, () => program.printed().includes("\n"));
  return Number(program.printed());
}

/** A peer of one process, started with its port. */
export async function startSingle(
  options: PeerOptions,
  name: string,
  version: string,
  command: (port: number) => readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const { fleet, core } = options;
  const port = freePort();
  const program = fleet.start(core, command(port), environment);
  const url = await untilReady(program, port, options);
  return { name, version, url, program, serving: [program.pid], supervising: [] };
}

/** The first line a program prints about its version, on either stream. */
export function versionOf(command: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = Bun.spawnSync([...command]);
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? "unknown";
}
