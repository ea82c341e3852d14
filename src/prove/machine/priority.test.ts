import { expect, test } from "bun:test";
import { join } from "node:path";

/**
 * Gives a child of its own one turn after the other, as `weir prove` does. After each the child starts a thread; told are the
 * niceness and policy (see proc_pid_stat(5)) of the child's main thread, the lowest niceness and the policies of its others.
 */
const script = `
  import { readdirSync, readFileSync } from "node:fs";
  import { giveTurn, mayGiveTurns } from ${JSON.stringify(join(import.meta.dir, "mod.ts"))};
  const isAllowed = mayGiveTurns();
  const child = Bun.spawn([process.execPath, "-e", \`
    import { Worker } from "node:worker_threads";
    process.on("message", () => {
      const worker = new Worker("require('node:worker_threads').parentPort.once('message', () => {})", { eval: true });
      worker.on("online", () => process.send("online"));
    });
    process.send("ready");
  \`], { ipc: () => heard() });
  let heard = () => {};
  const next = () => new Promise((resolve) => { heard = resolve; });
  await next();
  const seen = [];
  for (const turn of ["first", "last", "first", "at-once"]) {
    giveTurn(child.pid, turn);
    const online = next();
    child.send("start");
    await online;
    const threads = readdirSync(\`/proc/\${child.pid}/task\`).map((id) => {
      const fields = readFileSync(\`/proc/\${child.pid}/task/\${id}/stat\`, "utf8").split(") ")[1].split(" ");
      return { id: Number(id), nice: Number(fields[16]), policy: Number(fields[38]) };
    });
    const main = threads.find(({ id }) => id === child.pid);
    const others = threads.filter(({ id }) => id !== child.pid);
    const policies = [...new Set(others.map(({ policy }) => policy))];
    seen.push([turn, main.nice, main.policy, Math.min(...others.map(({ nice }) => nice)), policies]);
  }
  child.kill();
  await child.exited;
  giveTurn(child.pid, "last");
  console.log(JSON.stringify({ isAllowed, seen }));
`;

const [shared, roundRobin] = [0, 2];

test("only the thread that sends is raised, never those it makes, and one that gave way goes first again; without the right to raise it, or after its end, nothing happens", () => {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(stderr.toString()).toBe("");
  const { isAllowed, seen } = JSON.parse(stdout.toString()) as { isAllowed: boolean; seen: unknown[] };
  const raised = isAllowed ? -10 : 0;
  const lowest = isAllowed ? 19 : 0;
  expect(seen).toEqual([
    ["first", raised, shared, 0, [shared]],
    ["last", lowest, shared, lowest, [shared]],
    ["first", raised, shared, 0, [shared]],
    ["at-once", raised, isAllowed ? roundRobin : shared, 0, [shared]],
  ]);
});
