/**
 * Twenty million requests in one run. Bar: the memory of the client processes and of the coordinator is flat after warm-up.
 * That the histogram's error stays within 0.1 % of exact sorting is a test (src/load/result.test.ts).
 */
import { buildPlan, runLoad, startNullServers } from "../../src/load/mod.ts";
import { option, tell } from "./load-tools.ts";

const requests = option("requests", 20_000_000, 100_000);
const mebibyte = 1024 * 1024;

const server = await startNullServers(1);
try {
  const plan = buildPlan({
    url: `http://127.0.0.1:${server.port}/`,
    connectionsCount: 256,
    durationMs: 3_600_000,
    requestsMax: requests,
    processesCount: option("processes", 1),
    health: { isVoidable: false },
  });
  const clients: number[] = [];
  const coordinator: number[] = [];
  const result = await runLoad(plan, {
    onSecond: (_point, { health }) => {
      clients.push(health.reduce((sum, each) => sum + (each.last?.memoryBytes ?? 0), 0) / mebibyte);
      coordinator.push(process.memoryUsage.rss() / mebibyte);
    },
  });
  const { summary } = result;
  console.log(
    `${summary.requests} requests at ${Math.round(summary.requestsPerSecond)}/s, errors ${JSON.stringify(summary.errors)}, longest ${Math.round(summary.latencyUs.max / 1000)} ms`,
  );
  for (const [name, series] of [
    ["client processes", clients],
    ["coordinator", coordinator],
  ] as const) {
    // The first quarter is warm-up: compiled code and the collector's own room.
    const quarter = Math.floor(series.length / 4);
    const early = series.slice(quarter, quarter * 2);
    const late = series.slice(-quarter || undefined);
    const mean = (part: readonly number[]): number =>
      part.reduce((sum, each) => sum + each, 0) / Math.max(1, part.length);
    const tenth = Math.max(1, Math.floor(series.length / 10));
    const tenths = Array.from({ length: 10 }, (_, index) => series.slice(index * tenth, (index + 1) * tenth));
    console.log(
      `${name}, MiB by tenths of the run: ${tenths
        .filter((part) => part.length > 0)
        .map((part) => mean(part).toFixed(1))
        .join(" ")}`,
    );
    const growth = mean(late) / mean(early.length === 0 ? series : early) - 1;
    const found = `${mean(early).toFixed(1)} MiB, then ${mean(late).toFixed(1)} MiB`;
    tell(`memory of the ${name}`, found, "growth < 5 %", series.length < 8 ? null : growth < 0.05);
  }
} finally {
  await server.stop();
}
