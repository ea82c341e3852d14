import { expect, test } from "bun:test";
import { allowedCores, bindTo, coresBeside } from "./mod.ts";

test("who sends keeps off the cores that processes are bound to, and runs anywhere where they are bound to none", async () => {
  const cores = allowedCores();
  await using child = Bun.spawn(["sleep", "60"]);
  expect(coresBeside(cores, [])).toBeNull();
  expect(coresBeside(cores, [child.pid])).toBeNull();
  bindTo(child.pid, [cores[0]!]);
  expect(allowedCores(child.pid)).toEqual([cores[0]!]);
  expect(coresBeside(cores, [child.pid])).toEqual(cores.length === 1 ? null : cores.slice(1));
  expect(coresBeside(cores, [2 ** 22 + 1])).toBeNull();
});
