import { expect, test } from "bun:test";
import type { WeirError } from "../base/mod.ts";
import { type Config, parseConfig } from "../config/mod.ts";
import { planDescriptors } from "./descriptors.ts";

function config(text: string): Config {
  const result = parseConfig(text, "test.yaml");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const upstreams = 'upstreams: { core: { endpoints: ["127.0.0.1:9000"], connections: { maxPerEndpoint: 1000 } } }\n';

test("enough descriptors change nothing", () => {
  const written = config(`${upstreams}workers: 2\nlimits: { connectionsMax: 20000 }`);
  expect(planDescriptors(written, 10_565)).toEqual({ config: written, lowered: null });
});

test("the default number of connections is lowered to what can be held", () => {
  const unwritten = config(`${upstreams}workers: 2`);
  const { config: planned, lowered } = planDescriptors(unwritten, 20_000);
  expect(lowered).toEqual({ limit: 20_000, connections: 100_000, affordable: 38_870 });
  expect(planned.limits.connectionsMax).toBe(38_870);
  expect(planDescriptors(planned, 20_000).lowered).toBe(null);
  expect(() => planDescriptors(planned, 19_999)).toThrow("38870 connections");
});

test("a written number that cannot be held is refused with the number that can", () => {
  const written = config(`${upstreams}workers: 1\nlimits: { connectionsMax: 20000 }`);
  let error: WeirError | null = null;
  try {
    planDescriptors(written, 1024);
  } catch (thrown) {
    error = thrown as WeirError;
  }
  expect([error?.code, error?.hint.includes("limits.connectionsMax to 703")]).toEqual([
    "process.too-few-descriptors",
    true,
  ]);
});
