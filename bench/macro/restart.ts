/**
 * The bars of hand-over and of crashes, on a real gateway: restarts under new connections and keep-alive connections with no
 * request lost and each new generation serving within 200 ms; a worker killed, replaced within 100 ms.
 *
 *     bun bench/macro/restart.ts [--restarts=20] [--kills=10] [--new-per-second=2000] [--keep-alive=200] [--json]
 *
 * The load, the gateway and what is behind it share the machine: on two cores the figures are those of a busy machine.
 */
import { cpus } from "node:os";
import { GatewayProcess, plainConfig } from "../../test/integration/supervisor/gateway-process.ts";
import { Traffic, type TrafficCounts } from "../../test/integration/supervisor/traffic.ts";
import { isSmall, option } from "./load-tools.ts";

const restarts = option("restarts", 20, 1);
const kills = option("kills", 10, 1);
const newPerSecond = option("new-per-second", 2000, 50);
const keepAlive = option("keep-alive", 200, 5);
const servingMsBar = 200;
const replacedMsBar = 100;

interface Report {
  readonly machine: string;
  readonly restarts: number;
  readonly newPerSecond: number;
  readonly keepAlive: number;
  readonly servingMs: readonly number[];
  readonly counts: TrafficCounts;
  readonly lost: number;
  readonly longestGapMs: number;
  readonly replacedMs: readonly number[];
  /** Requests lost on connections of the worker that was not killed; there can be none. */
  readonly killCounts: TrafficCounts;
  readonly passed: boolean;
}

const report = await measure();
console.log(process.argv.includes("--json") ? JSON.stringify(report, null, 2) : textOf(report));
process.exit(report.passed || isSmall() ? 0 : 3);

async function measure(): Promise<Report> {
  const gateway = await GatewayProcess.start({ config: plainConfig });
  try {
    // The image of the worker is built beside the first generation; every later start uses it.
    await Bun.sleep(1500);
    const port = await gateway.port();
    const load = { port, newPerSecond, keepAlive };
    const traffic = new Traffic({ ...load, pauseMs: 50 });
    await Bun.sleep(1000);
    const servingMs: number[] = [];
    for (let round = 0; round < restarts; round++) {
      const from = gateway.log.length;
      const result = await gateway.operate("/restart");
      if (!result.ok) throw new Error(JSON.stringify(result));
      servingMs.push(Number((await gateway.logged("generation.serving", from))["tookMs"]));
      await gateway.until(({ isOldGenerationDraining }) => !isOldGenerationDraining, 60_000);
    }
    const counts = await traffic.stop();
    const { replacedMs, killCounts } = await kill(gateway, port);
    const isFast = servingMs.every((ms) => ms <= servingMsBar) && replacedMs.every((ms) => ms <= replacedMsBar);
    return {
      machine: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Bun ${Bun.version}`,
      restarts: servingMs.length,
      newPerSecond,
      keepAlive,
      servingMs,
      counts,
      lost: traffic.lost,
      longestGapMs: Math.round(traffic.longestGapMs * 10) / 10,
      replacedMs,
      killCounts,
      passed: isFast && traffic.lost === 0,
    };
  } finally {
    await gateway.close();
  }
}

/** Kills workers one after another, each after it ran long enough for its replacement to come at once. */
async function kill(gateway: GatewayProcess, port: number): Promise<Pick<Report, "replacedMs" | "killCounts">> {
  const traffic = new Traffic({ port, newPerSecond: 0, keepAlive, pauseMs: 50 });
  const replacedMs: number[] = [];
  for (let round = 0; round < kills; round++) {
    const { workers } = await gateway.until((status) =>
      status.workers.every(({ servedSeconds }) => servedSeconds >= 0.2),
    );
    const from = gateway.log.length;
    process.kill(workers[round % workers.length]!.pid, "SIGKILL");
    const { delayMs } = await gateway.logged("worker.ended", from);
    const { tookMs } = await gateway.logged("worker.replaced", from);
    replacedMs.push(Number(tookMs) - Number(delayMs));
  }
  return { replacedMs, killCounts: await traffic.stop() };
}

function textOf(result: Report): string {
  const { counts, servingMs, replacedMs } = result;
  const spread = (list: readonly number[]): string => {
    const sorted = [...list].sort((a, b) => a - b);
    return `median ${sorted[Math.floor(sorted.length / 2)] ?? "-"} ms, longest ${sorted[sorted.length - 1] ?? "-"} ms`;
  };
  return [
    result.machine,
    `${result.restarts} restarts under ${result.newPerSecond} new connections/s and ${result.keepAlive} keep-alive connections`,
    `  new generation serves after: ${spread(servingMs)} (bar ${servingMsBar} ms)`,
    `  answered ${counts.answered}; refused ${counts.refused}, cut ${counts.cut}, other status ${counts.otherStatus}, timed out ${counts.timedOut}`,
    ...(counts.firstOther === "" ? [] : [`  the first other answer: ${counts.firstOther}`]),
    `  keep-alive: told to close and reconnected ${counts.reconnected}, closed while idle ${counts.closedIdle}`,
    `  longest time without any answer: ${result.longestGapMs} ms`,
    `${replacedMs.length} workers killed with SIGKILL`,
    `  replacement serves after: ${spread(replacedMs)} (bar ${replacedMsBar} ms)`,
    result.passed ? "passed" : "NOT passed",
  ].join("\n");
}
