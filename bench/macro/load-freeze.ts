/**
 * A server that stands still for one second of thirty, under 1,000 requests a second in open loop. By hand: the 1,000
 * requests due in that second wait from 1,000 ms down to nothing, so they add 1,000 * 500 ms / 30,000 = 16.7 ms to the mean
 * of an awake server, which is near its median; at 50,000/s they take 20 ms to be worked off, which is 10 ms more for each, or
 * 0.3 ms. The slowest 1 %, 300 of those 1,000, waited 700 ms and more. A generator that times from the actual send, or that
 * sends less while the server is silent, shows a P99 of a millisecond instead.
 */
import { buildPlan, measureCeiling, runLoad, startNullServers } from "../../src/load/mod.ts";
import { option, tell } from "./load-tools.ts";

const seconds = option("seconds", 30, 3);
const rate = 1000;
const freezeMs = 1000;
/** Above what an awake server takes, well below the freeze. */
const shownMs = 20;

const server = await startNullServers(1);
const [serverId] = server.processIds;
try {
  const plan = buildPlan({
    url: `http://127.0.0.1:${server.port}/`,
    ratePerSecond: rate,
    durationMs: seconds * 1000,
    processesCount: 1,
    health: { isVoidable: false },
  });
  let stoppedMs = 0;
  const freeze = async (): Promise<void> => {
    process.kill(serverId!, "SIGSTOP");
    const start = performance.now();
    await Bun.sleep(freezeMs);
    process.kill(serverId!, "SIGCONT");
    stoppedMs = performance.now() - start;
  };
  const result = await runLoad(plan, {
    onSecond: ({ second }) => {
      if (second === Math.floor(seconds / 3) - 1) void freeze();
    },
  });
  const { summary, series } = result;
  const requests = rate * seconds;
  const shown = series.points.flatMap(({ column }) => {
    let count = 0;
    for (let at = 0; at < column.length; at += 2) if (column[at]! >= shownMs * 1000) count += column[at + 1]!;
    return count;
  });
  const frozen = shown.reduce((sum, count) => sum + count, 0);
  const frozenWanted = (rate * (stoppedMs - shownMs)) / 1000;
  const heldUp = (rate * stoppedMs) / 1000;
  const workedOffMs = (heldUp * 1000) / (await measureCeiling(plan));
  const awakeMs = summary.latencyUs.p50 / 1000;
  const meanWanted = awakeMs + (heldUp * (stoppedMs + workedOffMs)) / 2 / requests;
  const p99Wanted = Math.max(0, stoppedMs - 0.01 * requests * (1000 / rate));
  console.log(`the server stood still for ${stoppedMs.toFixed(0)} ms of ${seconds} s; errors ${summary.errors.total}`);
  const near = (value: number, wanted: number, share: number): boolean => Math.abs(value - wanted) <= wanted * share;
  tell("requests that show it", String(frozen), `${frozenWanted.toFixed(0)} by hand`, near(frozen, frozenWanted, 0.05));
  const mean = summary.latencyUs.mean / 1000;
  tell("mean", `${mean.toFixed(2)} ms`, `${meanWanted.toFixed(2)} ms by hand`, near(mean, meanWanted, 0.05));
  const p99 = summary.latencyUs.p99 / 1000;
  tell("P99", `${p99.toFixed(0)} ms`, `${p99Wanted.toFixed(0)} ms by hand`, near(p99, p99Wanted, 0.05));
  tell("P99 of the service time alone", `${(summary.serviceUs.p99 / 1000).toFixed(1)} ms`, "", null);
} finally {
  await server.stop();
}
