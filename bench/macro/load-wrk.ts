/**
 * `weir load` against wrk from one core, closed loop at 256 connections against the same null server on the other core.
 * Bar: at least wrk's requests per second, with everything recorded. The first second of weir's run, in which the runtime
 * compiles its code, is warm-up.
 */
import { startNullServers } from "../../src/load/mod.ts";
import {
  clientCore,
  interleave,
  measureWeir,
  measureWrk,
  option,
  ratioOf,
  serverCore,
  showRatio,
  tell,
} from "./load-tools.ts";

const seconds = option("seconds", 5, 1);
const rounds = option("rounds", 6, 1);
const connections = option("connections", 256, 32);

// The server's core is chosen by that of whoever starts it.
Bun.spawnSync(["taskset", "-cp", String(serverCore), String(process.pid)], { stdio: ["ignore", "ignore", "ignore"] });
const server = await startNullServers(1);
try {
  const url = `http://127.0.0.1:${server.port}/`;
  const words = [
    url,
    "--connections",
    String(connections),
    "--duration",
    `${seconds + 1}s`,
    "--warmup",
    "1s",
    "--processes",
    "1",
  ];
  const pairs = await interleave(
    rounds,
    () => measureWeir(clientCore, words, connections),
    () => measureWrk(clientCore, url, connections, seconds),
  );
  for (const [weir, wrk] of pairs) {
    const show = ({ requestsPerSecond, cpuUsPerRequest }: typeof weir): string =>
      `${Math.round(requestsPerSecond)}/s at ${cpuUsPerRequest.toFixed(2)} us of processor`;
    console.log(`weir ${show(weir)}; wrk ${show(wrk)}`);
  }
  const rate = ratioOf(pairs, "requestsPerSecond");
  tell("weir / wrk, requests per second", showRatio(rate), ">= 1.0", rate.median >= 1);
  tell("weir / wrk, processor time per request", showRatio(ratioOf(pairs, "cpuUsPerRequest")), "", null);
} finally {
  await server.stop();
}
