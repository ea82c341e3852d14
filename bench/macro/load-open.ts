/**
 * Open loop at half of the generator's own ceiling. Bars: at least 99.9 % achieved, P99 of the send lag at most 1.5 ms. The
 * null server has a core of its own. The generator shares the other one with the runtime's compiler for its first seconds, which
 * are warm-up.
 */
import { startNullServers } from "../../src/load/mod.ts";
import { clientCore, option, runWeir, serverCore, tell } from "./load-tools.ts";

const seconds = option("seconds", 60, 1);
const warmup = option("warmup", 5, 1);

Bun.spawnSync(["taskset", "-cp", String(serverCore), String(process.pid)], { stdio: ["ignore", "ignore", "ignore"] });
const server = await startNullServers(1);
try {
  const url = `http://127.0.0.1:${server.port}/`;
  const closed = await runWeir(clientCore, [url, "--connections", "256", "--duration", "3s", "--processes", "1"]);
  const ceiling = closed.summary.requestsPerSecond;
  const rate = option("rate", Math.round(ceiling / 2));
  const open = await runWeir(clientCore, [
    url,
    "--rate",
    String(rate),
    "--duration",
    `${seconds + warmup}s`,
    "--warmup",
    `${warmup}s`,
    "--processes",
    "1",
  ]);
  const { summary, generator } = open;
  console.log(`ceiling ${Math.round(ceiling)}/s, open loop at ${rate}/s for ${seconds} s, pacing ${generator.pacing}`);
  const lagMs = summary.sendLagUs.p99 / 1000;
  const achieved = summary.achievedRatio!;
  tell("achieved", `${(achieved * 100).toFixed(3)} %`, ">= 99.9 %", achieved >= 0.999);
  tell("send lag P99", `${lagMs.toFixed(3)} ms`, "<= 1.5 ms", lagMs <= 1.5);
  tell("largest burst", `${generator.burstMax} requests`, "", null);
  tell("time waited for a processor", `${((generator.processes[0]!.cpuWaitRatio ?? 0) * 100).toFixed(1)} %`, "", null);
  tell("response P50, P99", `${summary.latencyUs.p50.toFixed(0)} us, ${summary.latencyUs.p99.toFixed(0)} us`, "", null);
} finally {
  await server.stop();
}
