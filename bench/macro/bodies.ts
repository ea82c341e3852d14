/**
 * Long bodies past a slow reader: the sender could fill any memory, the reader takes a steady trickle. Down: a fast upstream
 * and a slow client. Up: a fast client and a slow upstream. Bar: the worker's memory grows by at most 8 MB. That is the memory it
 * wrote itself; resident memory is told beside it, and grows by another few MB in many minutes, as ever more pages of the
 * runtime's program are used for the first time.
 *
 *     bun bench/macro/bodies.ts [--bytes 67108864] [--rate 8000000]
 *     bun bench/macro/bodies.ts --full      # 1 GiB at 1 MB/s, both ways at once: 18 minutes
 *
 * Before counting, 64 MiB go down as fast as they can: what the runtime reads is collected later, and the heap's size goes up
 * and down with it by some 10 MB, whatever the body's size. What is told is what a longer body adds to that.
 */
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { anyCore, describe, Fleet, machine, residentMemory, startPeer } from "../rig/mod.ts";
import { download, startSlowBackend, upload } from "./slow-ends.ts";

const BAR_BYTES = 8_000_000;
const WARMUP_BYTES = 64 << 20;
const WARMUP_PER_SECOND = 256 << 20;
const SAMPLE_MS = 50;
const limits = `limits: { bodyMax: off }
timeouts: { request: off }
`;

export interface BodiesOptions {
  readonly peer: string;
  readonly bytes: number;
  readonly perSecond: number;
  readonly areBothAtOnce: boolean;
}

export interface Growth {
  readonly what: string;
  readonly seconds: number;
  readonly beforeBytes: number;
  readonly mostBytes: number;
  readonly growthBytes: number;
  /** The same of resident memory, with the pages of program files. */
  readonly residentGrowthBytes: number;
}

export async function measureBodies({ peer: name, bytes, perSecond, areBothAtOnce }: BodiesOptions): Promise<Growth[]> {
  const fleet = new Fleet();
  const backend = await startSlowBackend(perSecond);
  try {
    const backendPort = (backend.address() as AddressInfo).port;
    const options = { fleet, backendPort, core: anyCore, workers: 1, connectionsMax: 100, extraWeir: limits };
    const peer = await startPeer(name, { ...options, readyPath: "/2" });
    const port = Number(new URL(peer.url).port);
    await download(port, WARMUP_BYTES, WARMUP_PER_SECOND);
    await upload(port, perSecond);
    const watched = (what: string, run: () => Promise<unknown>): Promise<Growth> => watch(what, peer.serving, run);
    const down = (): Promise<void> => download(port, bytes, perSecond);
    const up = (): Promise<void> => upload(port, bytes);
    if (areBothAtOnce) return [await watched("down and up at once", () => Promise.all([down(), up()]))];
    return [await watched("down", down), await watched("up", up)];
  } finally {
    backend.close();
    await fleet.close();
  }
}

async function watch(what: string, pids: readonly number[], run: () => Promise<unknown>): Promise<Growth> {
  const before = residentMemory(pids);
  const startMs = performance.now();
  let mostBytes = before.anonymousBytes;
  let residentMostBytes = before.rssBytes;
  const look = (): void => {
    const { anonymousBytes, rssBytes } = residentMemory(pids);
    mostBytes = Math.max(mostBytes, anonymousBytes);
    residentMostBytes = Math.max(residentMostBytes, rssBytes);
  };
  const timer = setInterval(look, SAMPLE_MS);
  try {
    await run();
    look();
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - startMs) / 1000;
  return {
    what,
    seconds,
    beforeBytes: before.anonymousBytes,
    mostBytes,
    growthBytes: mostBytes - before.anonymousBytes,
    residentGrowthBytes: residentMostBytes - before.rssBytes,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      peer: { type: "string", default: "weir-exclusive" },
      bytes: { type: "string", default: String(64 << 20) },
      rate: { type: "string", default: "8000000" },
      full: { type: "boolean", default: false },
    },
  });
  const bytes = values.full ? 2 ** 30 : Number(values.bytes);
  const perSecond = values.full ? 1_000_000 : Number(values.rate);
  console.log(describe(machine()));
  console.log(`${values.peer}: ${bytes} bytes, read at ${perSecond} bytes/s`);
  for (const growth of await measureBodies({ peer: values.peer, bytes, perSecond, areBothAtOnce: values.full })) {
    const { what, seconds, growthBytes, residentGrowthBytes, mostBytes } = growth;
    const verdict = growthBytes <= BAR_BYTES ? "met" : "MISSED";
    const resident = (residentGrowthBytes / 1e6).toFixed(2);
    const most = `${(mostBytes / 1e6).toFixed(1)} MB at most, resident memory by ${resident}`;
    console.log(
      `${what}: grew by ${(growthBytes / 1e6).toFixed(2)} MB (${most}) in ${seconds.toFixed(1)} s; bar 8 MB ${verdict}`,
    );
  }
}
