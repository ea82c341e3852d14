/**
 * Fifty thousand connections held from this machine to itself, by several client processes from several source addresses to
 * several null server processes (each may have 20,000 descriptors on the reference machine). Bar: set up without an error;
 * the time and the rate are told.
 */
import { buildPlan, runLoad, startNullServers } from "../../src/load/mod.ts";
import { option, tell } from "./load-tools.ts";

const connections = option("connections", 50_000, 500);
const processes = option("processes", 4, 2);
const perSecond = option("rate", 2000, 200);

const server = await startNullServers(processes);
try {
  const plan = buildPlan({
    url: `http://127.0.0.1:${server.port}/`,
    connectionsCount: connections,
    processesCount: processes,
    ratePerSecond: perSecond,
    durationMs: option("seconds", 10, 1) * 1000,
    connectTimeoutMs: 60_000,
    connectPerSecond: option("connect-rate", 20_000),
    // 28,000 ports to one address; four times as many addresses as are needed.
    sourceAddresses: Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`),
    health: { isVoidable: false },
  });
  const { summary, generator, verdict } = await runLoad(plan);
  const { setup } = generator;
  const isMet = setup.connections === connections && setup.failed === 0 && summary.errors.total === 0;
  tell("connections held", String(setup.connections), `${connections}`, isMet);
  tell("failed to open, errors of requests", `${setup.failed}, ${summary.errors.total}`, "0, 0", isMet);
  tell("time to set up", `${(setup.durationMs / 1000).toFixed(2)} s (${Math.round(setup.perSecond)}/s)`, "", null);
  tell(
    "connect time, P50 and worst",
    `${(summary.connectUs.p50 / 1000).toFixed(2)} ms, ${(summary.connectUs.max / 1000).toFixed(1)} ms`,
    "",
    null,
  );
  tell(
    "requests meanwhile",
    `${Math.round(summary.requestsPerSecond)}/s P99 ${(summary.latencyUs.p99 / 1000).toFixed(2)} ms`,
    "",
    null,
  );
  const memory = generator.processes.reduce((sum, each) => sum + each.memoryBytesMax, 0);
  tell("memory of the clients per connection", `${Math.round(memory / connections)} bytes`, "", null);
  for (const warning of verdict.warnings) console.log(`note: ${warning}`);
} finally {
  await server.stop();
}
