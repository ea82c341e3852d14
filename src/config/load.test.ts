import { expect, test } from "bun:test";
import { say } from "../base/mod.ts";
import { defaultConfig, type Problem, parseConfig } from "./mod.ts";

const minimal = `workers: 1
listeners:
  public: { address: "127.0.0.1:8080" }
upstreams:
  core:
    endpoints: ["127.0.0.1:9000"]
    connections: { mode: exclusive, maxIdlePerEndpoint: 2000, idleTimeout: 10m }   # or mode: pipelined
routes:
  - match: { path: "/*" }
    upstream: core
metrics: { address: "127.0.0.1:9090" }
accessLog: off
`;

test("the smallest configuration loads with every default filled in", () => {
  const result = parseConfig(minimal, "minimal.yaml");
  if ("problems" in result) throw new Error(describeAll(result.problems).join("\n"));
  const { config } = result;
  expect(config.workers).toBe(1);
  expect(config.upstreams[0]!.connections).toEqual({
    mode: "exclusive",
    maxIdlePerEndpoint: 2000,
    maxPerEndpoint: 10_000,
    idleTimeoutMs: 600_000,
    ageMaxMs: 3_600_000,
    ageJitterRatio: 0.2,
    pipelineDepthMax: 64,
    pipelinedConnectionsPerEndpoint: 4,
  });
  expect(config.routes.map((route) => [route.name, route.action])).toEqual([
    ["/*", { kind: "upstream", upstream: "core" }],
  ]);
  expect(config.accessLog).toBeNull();
});

test("the configuration survives JSON unchanged", () => {
  const config = defaultConfig();
  expect(JSON.parse(JSON.stringify(config))).toEqual(config);
});

function describeAll(problems: readonly Problem[]): string[] {
  return problems.map((problem) => `${problem.line}:${problem.column} ${say(problem.message, problem.values)}`);
}
