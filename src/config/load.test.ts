import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { readSecret, say, setLanguage } from "../base/mod.ts";
import {
  type Config,
  defaultConfig,
  jsonSchema,
  loadConfig,
  parseConfig,
  problemsAsJson,
  renderProblems,
  resourcePlan,
  sayProblem,
  workersOf,
} from "./mod.ts";
import type { Problem } from "./places.ts";

const examples = join(import.meta.dir, "../../examples");
/** The gateway's configurations; other programs keep theirs in folders of their own. */
const exampleFiles = readdirSync(examples).filter((file) => file.endsWith(".yaml"));
afterEach(() => setLanguage("en"));

function configOf(text: string): Config {
  const result = parseConfig(text, "test.yaml");
  if ("problems" in result) throw new Error(renderProblems(result.problems));
  return result.config;
}

function problemsOf(text: string): readonly Problem[] {
  const result = parseConfig(text, "test.yaml");
  return "problems" in result ? result.problems : [];
}

/** `line:column code: what is underlined`, one for each problem. */
function placesOf(text: string): string[] {
  return problemsOf(text).map(
    ({ line, column, code, sourceLine, lengthCharacters }) =>
      `${line}:${column} ${code.replace("config.", "")}: ${sourceLine.slice(column - 1, column - 1 + lengthCharacters)}`,
  );
}

describe("what is right", () => {
  for (const file of exampleFiles) {
    test(`examples/${file} loads as it stands`, () => {
      const result = loadConfig(join(examples, file));
      if ("problems" in result) throw new Error(renderProblems(result.problems));
      expect(JSON.parse(JSON.stringify(result.config))).toEqual(result.config);
    });
  }

  test("the smallest configuration has every default filled in", () => {
    const config = configOf(readFileSync(join(examples, "minimal.yaml"), "utf8"));
    expect(config.workers).toBe(1);
    expect(config.listeners.map(({ name, address }) => ({ name, address }))).toEqual([
      { name: "public", address: { kind: "ip", host: "127.0.0.1", port: 8080 } },
    ]);
    expect(config.upstreams[0]!.connections).toEqual({
      mode: "exclusive",
      maxIdlePerEndpoint: 2000,
      maxPerEndpoint: 10_000,
      idleTimeoutMs: 600_000,
      ageMaxMs: 3_600_000,
      ageJitterRatio: 0.2,
      openingMax: 100,
      pipelineDepthMax: 64,
      pipelinedConnectionsPerEndpoint: 4,
      dscp: 0,
      priority: 0,
      multiplexedConnectionsPerEndpoint: 2,
      streamsPerConnectionMax: 100,
    });
    expect(config.routes.map((route) => [route.name, route.action])).toEqual([
      ["/*", { kind: "upstream", upstream: "core" }],
    ]);
    expect(config.accessLog).toBeNull();
  });

  test("it also works with pipelined connections", () => {
    const text = readFileSync(join(examples, "minimal.yaml"), "utf8").replace("mode: exclusive", "mode: pipelined");
    expect(configOf(text).upstreams[0]!.connections.mode).toBe("pipelined");
  });

  test("a route takes the limits of its upstream and of the gateway unless it has its own", () => {
    const config = configOf(`
timeouts: { request: 9s }
limits: { bodyMax: off }
upstreams: { u: { endpoints: 127.0.0.1:1, timeouts: { firstByte: 3s, idle: off } } }
routes:
  - { match: { path: /a }, upstream: u }
  - { match: { path: /b }, upstream: u, timeouts: { request: off, firstByte: 1s }, limits: { bodyMax: 1KiB } }
`);
    expect(config.routes.map(({ timeouts, limits }) => ({ ...timeouts, ...limits }))).toEqual([
      { requestMs: 9000, firstByteMs: 3000, idleMs: 0, bodyBytesMax: 0 },
      { requestMs: 0, firstByteMs: 1000, idleMs: 0, bodyBytesMax: 1024 },
    ]);
  });

  test("routes without a name are named by what they match, each differently", () => {
    const route = (match: string): string => `  - { match: ${match}, respond: {} }\n`;
    const text = `routes:\n${["{ path: /a, fields: { name: x } }", "{ path: /a }", "{ hosts: A.example, methods: [GET, PUT] }"].map(route).join("")}`;
    expect(configOf(text).routes.map(({ name }) => name)).toEqual(["/a", "/a#2", "GET,PUT a.example/*"]);
  });

  test("a prefix that is stripped is counted in segments", () => {
    const rewrite = (prefix: string, replacement: string): unknown =>
      configOf(
        `routes: [{ match: { path: /a/b/* }, respond: {}, rewrite: { path: { prefix: ${prefix}, replacement: ${replacement} } } }]`,
      ).routes[0]!.rewrite.path;
    expect(rewrite("/a", "/")).toEqual({ prefixSegments: 1, replacement: "" });
    expect(rewrite("/a/b", "/v2/x")).toEqual({ prefixSegments: 2, replacement: "/v2/x" });
    expect(rewrite("/", "/v2")).toEqual({ prefixSegments: 0, replacement: "/v2" });
  });

  test("a default gives way to the limit that holds it", () => {
    const config = configOf(
      "limits: { headMax: 2KiB }\nupstreams: { u: { endpoints: a.example:1, connections: { maxPerEndpoint: 10 } } }",
    );
    expect([config.limits.targetBytesMax, config.upstreams[0]!.connections.maxIdlePerEndpoint]).toEqual([2048, 10]);
    expect(configOf("limits: { headMax: 128KiB }").limits.http2.fieldBlockBytesMax).toBe(131_072);
  });

  test("limits of HTTP/2 that hold only together are compared, whichever the file gives", () => {
    const said = (http2: string, more = ""): string[] =>
      problemsOf(`limits: { ${more} http2: { ${http2} } }`).map(
        ({ path, message, values }) => `${path.at(-1)}: ${say(message, values)}`,
      );
    expect(said("streamWindow: 2MiB")).toEqual([
      "streamWindow: streamWindow (2MiB) is above connectionWindow (1MiB), which it is a part of",
    ]);
    expect(said("connectionWindow: 128KiB")).toEqual([
      "connectionWindow: streamWindow (256KiB) is above connectionWindow (128KiB), which it is a part of",
    ]);
    expect(said("fieldBlockMax: 16KiB")).toEqual([
      "fieldBlockMax: headMax (32KiB) is above fieldBlockMax (16KiB), which it is a part of",
    ]);
    expect(said("table: 16KiB")).toEqual(["table: table (16KiB) is above a quarter of limits.headMax (32KiB)"]);
    expect(said("table: 16KiB, streamWindow: 2MiB, connectionWindow: 2MiB", "headMax: 64KiB,")).toEqual([]);
  });

  test("files are found from the folder of the configuration", () => {
    const folder = mkdtempSync(join(tmpdir(), "weir-config-"));
    try {
      writeFileSync(join(folder, "weir.yaml"), "accessLog: { to: access.log }\nadmin: { token: { file: token } }\n");
      writeFileSync(join(folder, "token"), "hush\n");
      const result = loadConfig(join(folder, "weir.yaml"));
      if ("problems" in result) throw new Error(renderProblems(result.problems));
      expect(result.config.accessLog!.to).toEqual({ kind: "file", path: join(folder, "access.log") });
      expect(readSecret(result.config.admin!.token!)).toBe("hush");
      expect(JSON.stringify(result.config)).not.toContain("hush");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("ten thousand routes load in a moment", () => {
    const routes = Array.from({ length: 10_000 }, (_, index) => `  - { match: { path: /s${index}/* }, upstream: u }`);
    const text = `upstreams: { u: { endpoints: a.example:1 } }\nroutes:\n${routes.join("\n")}\n`;
    const start = process.cpuUsage();
    expect(configOf(text).routes).toHaveLength(10_000);
    const used = process.cpuUsage(start);
    expect((used.user + used.system) / 1e6).toBeLessThan(10);
  });

  test("the plan adds up what the connections need", () => {
    const plan = resourcePlan(
      configOf("workers: 4\nlimits: { connectionsMax: 1000 }\nupstreams: { u: { endpoints: a.example:1 } }"),
    );
    expect(plan).toMatchObject({
      clientConnectionsPerWorker: 250,
      upstreamConnectionsPerWorker: 250,
      descriptorsPerWorker: 565,
    });
  });
});

describe("what is wrong", () => {
  test("every problem is reported at once, in the order of the file, with what it is about underlined", () => {
    const text = readFileSync(join(import.meta.dir, "load-problems.fixture.yaml"), "utf8");
    const wanted = text.split("\n").flatMap((line, index) => {
      const notes = line.split("# wrong: ")[1];
      return notes === undefined ? [] : notes.split(" | ").map((note) => `${index + 1} ${note}`);
    });
    const found = placesOf(text).map((place) => place.replace(/^(\d+):\d+/, "$1"));
    expect(found).toEqual(wanted);
  });

  const hints: [text: string, hint: string][] = [
    ["timeouts: { head: 10 }", 'write "10s" (units: us, ms, s, m, h, d)'],
    ["timeouts: { head: 5000 }", 'write "5s" (units: us, ms, s, m, h, d)'],
    ["limits: { headMax: 65536 }", 'write "64KiB" (units: B, KiB, MiB, GiB, KB, MB, GB)'],
    ["limits: { headMax: 1GiB }", "allowed: 1KiB to 256KiB"],
    ["timeout: {}", 'did you mean "timeouts"?'],
    ["wrokers: 3", 'did you mean "workers"?'],
    ["zzz: 3", "known here: workers, cpuPinning, listeners"],
    ["routes: [{ upstream: core }]\nupstreams: { cores: { endpoints: a.example:1 } }", 'did you mean "cores"?'],
    ["routes: [{ match: { methods: post }, respond: {} }]", "methods are written in capitals: POST"],
    ["admin: { token: hunter2 }", "write { env: NAME } or { file: /path }"],
  ];
  for (const [text, hint] of hints) {
    test(`${text} is told: ${hint}`, () => {
      const [problem] = problemsOf(text);
      expect(say(problem!.hint!, problem!.values)).toStartWith(hint);
    });
  }

  const own: [text: string, problems: string[]][] = [
    [
      "workers: 2\nlisteners: { a: { address: '127.0.0.1:1', workers: 2 }, b: { address: '127.0.0.1:2' } }",
      ["workers: 2 workers belong to listeners of their own, so 2 in all leave none for b"],
    ],
    [
      "workers: 2\nlisteners: { a: { address: '127.0.0.1:1', workers: 3 } }",
      ["workers: listeners have 3 workers of their own, more than the 2 there are in all"],
    ],
    [
      "workers: 4\nlisteners: { a: { address: '127.0.0.1:1', workers: 3 } }",
      ["workers: every listener has workers of its own, 3 together: the rest of 4 would serve nobody"],
    ],
    ["workers: 3\nlisteners: { a: { address: '127.0.0.1:1', workers: 2 }, b: { address: '127.0.0.1:2' } }", []],
    [
      "listeners: { a: { address: '127.0.0.1:1', lanes: [cancel, order] } }\nupstreams: { u: { endpoints: a.example:1 } }\nroutes: [{ match: { path: /a }, upstream: u, lane: order }, { match: { path: /b }, upstream: u }, { match: { path: /c }, upstream: u, laneField: X }, { match: { path: /d }, respond: {} }]",
      ['routes.1: no listener lets the lane "query" in, so this route could never be used'],
    ],
  ];
  for (const [text, wanted] of own) {
    test(`${JSON.stringify(text)} has ${wanted.length} problems with its workers and lanes`, () => {
      expect(problemsOf(text).map((problem) => `${problem.path.join(".")}: ${sayProblem(problem).message}`)).toEqual(
        wanted,
      );
    });
  }

  test("auto leaves a worker for the listeners that have none of their own", () => {
    const { config } = parseConfig(
      "listeners: { a: { address: '127.0.0.1:1', workers: 64 }, b: { address: '127.0.0.1:2' } }",
      "t.yaml",
    ) as { config: Config };
    expect([config.workers, workersOf(config.listeners[0]!, config.listeners, 65)]).toEqual([
      65,
      { first: 0, count: 64 },
    ]);
    expect(workersOf(config.listeners[1]!, config.listeners, 65)).toEqual({ first: 64, count: 1 });
  });

  test("what stands where a secret belongs is not shown", () => {
    expect(renderProblems(problemsOf("admin: { token: hunter2 }"))).not.toContain("hunter2");
  });

  test("it is shown with its line and a caret, in the chosen language", () => {
    const problems = problemsOf("timeouts:\n  head: 10   # soon\n");
    expect(renderProblems(problems)).toBe(
      [
        "test.yaml:2:9: a duration needs a unit: 10",
        "  2 |   head: 10   # soon",
        "    |         ^^",
        '    = write "10s" (units: us, ms, s, m, h, d)',
      ].join("\n"),
    );
    setLanguage("zh");
    expect(renderProblems(problems)).toContain("时长必须带单位：10");
  });

  test("tabs and wide characters before the problem keep the caret below it", () => {
    const lines = renderProblems(problemsOf('accessLog: { to: "行情", level: x }')).split("\n");
    expect(Bun.stringWidth(lines[2]!.slice(0, lines[2]!.indexOf("^")))).toBe(
      Bun.stringWidth(lines[1]!.slice(0, lines[1]!.indexOf("x }"))),
    );
  });

  test("long lines are cut around the problem", () => {
    const rendered = renderProblems(problemsOf(`trustedNetworks: [${"10.0.0.0/8, ".repeat(40)}nowhere]`));
    const [, line, caret] = rendered.split("\n");
    expect(line!.length).toBeLessThan(130);
    expect(line!.slice(caret!.indexOf("^"))).toStartWith("nowhere");
  });

  test("a program gets the same as JSON", () => {
    expect(problemsAsJson(problemsOf("workers: many"))).toEqual([
      {
        code: "config.value",
        path: "workers",
        line: 1,
        column: 10,
        message: 'expected one of auto, 1 to 256, found "many"',
        hint: null,
      },
    ]);
  });

  const broken: [text: string, places: string[]][] = [
    ["", ["1:1 empty: "]],
    ["# nothing\n", ["1:1 empty: #"]],
    ["hello", ["1:1 value: hello"]],
    ["a: [1\nb: 2", ["2:1 yaml: b"]],
    ["workers: 1\nworkers: 2", ["2:1 duplicate-key: w"]],
    ["\tworkers: 1", ["1:1 yaml: \t"]],
  ];
  for (const [text, places] of broken) {
    test(`${JSON.stringify(text)} is reported and nothing is thrown`, () => {
      expect(placesOf(text).map((place) => place.split(" ").slice(0, 2).join(" "))).toEqual(
        places.map((place) => place.split(" ").slice(0, 2).join(" ")),
      );
    });
  }

  test("a file that cannot be read is a problem like any other", () => {
    const result = loadConfig("/nonexistent/weir.yaml");
    expect("problems" in result ? result.problems.map(({ code, line }) => [code, line]) : []).toEqual([
      ["config.unreadable", 0],
    ]);
  });

  test("a bomb of aliases is refused", () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) => `l${index + 1}: &l${index + 1} [${`*l${index}, `.repeat(9)}]`,
    );
    expect(() => problemsOf(`l0: &l0 [x, x]\n${levels.join("\n")}\n`)).not.toThrow();
    expect(problemsOf(`l0: &l0 [x, x]\n${levels.join("\n")}\n`).length).toBeGreaterThan(0);
  });
});

test("a redirect never lets the request choose the host", () => {
  const location = (text: string): boolean =>
    problemsOf(JSON.stringify({ routes: [{ redirect: { location: text } }] })).length === 0;
  const right = [
    "/new",
    "/",
    "/new{path}",
    "https://a.example{path}",
    "https://a.example/x?from=1",
    "http://[::1]:8080/a",
  ];
  const wrong = [
    "{path}",
    "//evil.example",
    "/\\evil",
    "https://{path}",
    "https://",
    "x",
    "",
    "/a\nb",
    "ftp://a/b",
    "/{host}",
  ];
  expect(right.filter((text) => !location(text))).toEqual([]);
  expect(wrong.filter(location)).toEqual([]);
});

test("the JSON Schema for editors takes every example and refuses what is misspelt", () => {
  const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const read = (file: string): unknown => parse(readFileSync(join(examples, file), "utf8"));
  expect(exampleFiles.filter((file) => !schema.safeParse(read(file)).success)).toEqual([]);
  const wrong = [{ wrokers: 1 }, { workers: 0 }, { timeouts: { head: "10" } }, { routes: [{ match: { hosts: 3 } }] }];
  expect(wrong.filter((tree) => schema.safeParse(tree).success)).toEqual([]);
});

test("the built-in configuration is what examples/default.yaml says", () => {
  const result = loadConfig(join(examples, "default.yaml"));
  expect("config" in result ? result.config : null).toEqual(defaultConfig());
});
