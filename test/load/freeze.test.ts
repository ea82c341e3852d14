/** What an open loop is for: a server that stands still shows in every request that was due meanwhile. */
import { expect, test } from "bun:test";
import { buildPlan, runLoad, startNullServers } from "../../src/load/mod.ts";

test("a server stopped for a second shows in the requests due in that second, over real sockets", async () => {
  const server = await startNullServers(1);
  try {
    const plan = buildPlan({
      url: `http://127.0.0.1:${server.port}/`,
      ratePerSecond: 500,
      durationMs: 4000,
      connectionsCount: 16,
      processesCount: 1,
      health: { isVoidable: false },
    });
    let thawed: Promise<void> | null = null;
    const { summary, series } = await runLoad(plan, {
      onSecond: ({ second }) => {
        if (second === 0) thawed = freezeForASecond(server.processIds[0]!);
      },
    });
    await thawed;
    const late = series.points.reduce((sum, { column }) => {
      let count = 0;
      for (let at = 0; at < column.length; at += 2) if (column[at]! >= 100_000) count += column[at + 1]!;
      return sum + count;
    }, 0);
    // By hand 450: those due in the first 900 ms of the second waited 100 ms and more. A busy machine adds some.
    expect(late).toBeGreaterThan(400);
    expect(summary.requests).toBe(2000);
    expect(summary.errors).toEqual({ total: 0 });
    // By hand 960 ms: the slowest 1 % are 20 of the 500 that waited from 1,000 ms downwards.
    expect(summary.latencyUs.p99).toBeGreaterThan(800_000);
    // Sixteen connections were on the wire; the others waited for one of them, which the generator tells apart.
    expect(summary.waitUs.max).toBeGreaterThan(800_000);
    expect(summary.achievedRatio).toBeGreaterThan(0.95);
  } finally {
    await server.stop();
  }
});

test("the seed alone decides the arrivals, not the number of processes", async () => {
  const server = await startNullServers(1);
  try {
    const requests: number[] = [];
    for (const processesCount of [1, 2]) {
      const plan = buildPlan({
        url: `http://127.0.0.1:${server.port}/`,
        classes: [
          { name: "often", path: "/a", weight: 4 },
          { name: "seldom", path: "/b", weight: 1 },
        ],
        ratePerSecond: 400,
        arrivals: "poisson",
        durationMs: 1000,
        connectionsCount: 8,
        seed: 42,
        processesCount,
        health: { isVoidable: false },
      });
      const { classes } = await runLoad(plan);
      requests.push(...classes.map((each) => each.requests));
    }
    expect(requests.slice(2)).toEqual(requests.slice(0, 2));
    expect(requests[0]! + requests[1]!).toBeGreaterThan(330);
  } finally {
    await server.stop();
  }
});

/** The second is what is tested, not a wait for something to happen. */
function freezeForASecond(processId: number): Promise<void> {
  process.kill(processId, "SIGSTOP");
  return new Promise((resolve) => {
    setTimeout(() => {
      process.kill(processId, "SIGCONT");
      resolve();
    }, 1000);
  });
}
