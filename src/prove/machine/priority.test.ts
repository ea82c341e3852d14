import { expect, test } from "bun:test";
import { join } from "node:path";

/** Raises itself, as `weir prove` does, and tells the niceness of a child of its own after each turn. */
const script = `
  import { getPriority } from "node:os";
  import { giveTurn, raisePriority } from ${JSON.stringify(join(import.meta.dir, "mod.ts"))};
  const isAllowed = raisePriority();
  const child = Bun.spawn(["sleep", "30"]);
  const seen = ["first", "last", "first", "at-once", "first"].map((turn) => {
    giveTurn(child.pid, turn);
    return [turn, getPriority(child.pid)];
  });
  child.kill();
  await child.exited;
  giveTurn(child.pid, "last");
  console.log(JSON.stringify({ isAllowed, seen }));
`;

test("a client that gave way goes first again; one that ended, or the lack of the right to raise it, does no harm", () => {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(stderr.toString()).toBe("");
  const { isAllowed, seen } = JSON.parse(stdout.toString()) as { isAllowed: boolean; seen: [string, number][] };
  const raised = isAllowed ? -10 : 0;
  const lowered = isAllowed ? 19 : 0;
  expect(seen).toEqual([
    ["first", raised],
    ["last", lowered],
    ["first", raised],
    ["at-once", raised],
    ["first", raised],
  ]);
});
