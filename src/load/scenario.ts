/**
 * Scenario files: a mix of classes and the load they make, in YAML, under the same discipline as the gateway's
 * configuration. Every problem is told at once with its line and column; what is left out has the default of the command
 * line. `docs/load.md` describes every key, `examples/load/` shows some.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { defineMessages, type Message, say, WeirError } from "../base/mod.ts";
import {
  choice,
  count,
  durationOverride,
  flag,
  type LeafProblem,
  listOf,
  named,
  orNull,
  type Problem,
  parseDocumentWith,
  section,
  show,
  text,
} from "../config/mod.ts";
import { type PlanInput, parseTarget } from "./build-plan.ts";
import { type PlanTls, planLimits } from "./plan.ts";
import { parsePiece } from "./schedule-file.ts";
import { parseSources } from "./sources.ts";
import { templateProblem } from "./template.ts";
import { parseThreshold } from "./thresholds.ts";

export interface Scenario {
  readonly input: PlanInput;
  readonly failIf: readonly string[];
}

const problems = defineMessages({
  wrong: { en: "{reason}", zh: "{reason}" },
  hint: { en: "{hint}", zh: "{hint}" },
});

const optional = <T>(type: z.ZodType<T, unknown>, why: string): z.ZodType<T | null, unknown> => orNull(type, why);

/** Text that `check` accepts; what it says is wrong becomes the problem. */
function checked(
  type: string,
  why: string,
  check: (input: string) => { reason: string; hint: string } | null,
): z.ZodType<string, unknown> {
  return text({ type }, { why }, (input) => {
    const wrong = check(input);
    return wrong === null ? { value: input } : leafProblem(wrong.reason, wrong.hint);
  });
}

function leafProblem(reason: string, hint: string): LeafProblem {
  return { problem: problems.wrong, hint: problems.hint, values: { reason, hint } };
}

/** Turns what a parser throws into a problem with its place. */
function accepted(parse: (input: string) => unknown) {
  return (input: string): { reason: string; hint: string } | null => {
    try {
      parse(input);
      return null;
    } catch (error) {
      if (error instanceof WeirError) return { reason: error.message, hint: error.hint };
      throw error;
    }
  };
}

const template = (why: string): z.ZodType<string, unknown> =>
  checked("template", why, (input) => {
    const reason = templateProblem(input);
    return reason === null ? null : { reason, hint: "see docs/load.md, Templates" };
  });

const plainText = (why: string): z.ZodType<string, unknown> => text({ type: "text" }, { why }, (value) => ({ value }));

const expectation = section({
  status: listOf(count({ min: 100, max: 599, why: "Statuses that count as good." }), {
    max: 100,
    default: [],
    why: "Statuses that count as good; none means 200 to 399.",
  }),
  field: listOf(plainText("A field an answer must carry: `Name` or `Name: value`."), {
    max: 32,
    default: [],
    why: "Fields.",
  }),
  body: listOf(plainText("Text the body must contain."), { max: 32, default: [], why: "Body." }),
  bodyLength: optional(
    count({ min: 0, max: planLimits.bodyBytesMax, why: "Exact length of the body in bytes." }),
    "Length.",
  ),
}).prefault({});

const classSection = section({
  weight: count({ min: 1, max: 1_000_000, default: 1, why: "Share of this class among the weights of all." }),
  method: checked("method", "Request method.", (input) =>
    /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(input)
      ? null
      : { reason: `${show(input)} is not a method`, hint: "GET, POST ..." },
  ).prefault("GET"),
  path: template("Path and query; a template."),
  headers: z.record(z.string(), template("Value of a field; a template.")).prefault({}),
  body: optional(template("Body; a template."), "Body."),
  bodyFile: optional(plainText("File with the body, beside the scenario; sent as it is."), "Body from a file."),
  expect: expectation,
});

const loadSection = section({
  rate: optional(
    count({ min: 1, max: planLimits.perSecondMax, why: "Requests per second, whatever the answers do." }),
    "Rate.",
  ),
  shape: optional(
    listOf(
      checked("piece", "A duration and a rate, `10s 500` or `30s 500-2000`.", (input) =>
        parsePiece(input) === null
          ? { reason: `${show(input)} is not a piece of a load`, hint: "write '10s 500' or '30s 500-2000'" }
          : null,
      ),
      { min: 1, max: planLimits.shapePiecesMax, why: "Pieces of the load, one after the other." },
    ),
    "Shape of an open loop.",
  ),
  ratePerConnection: optional(
    count({ min: 1, max: planLimits.perSecondMax, why: "Requests per second and connection." }),
    "Rate of each connection.",
  ),
  arrivals: choice(["constant", "poisson"], { default: "constant", why: "Spacing of an open loop." }),
  catchUp: choice(["send", "skip"], { default: "send", why: "What happens to requests that fell behind." }),
  skipAfter: durationOverride({ min: "1ms", max: "1h", why: "What is later than this is skipped." }),
  duration: durationOverride({ min: "1ms", max: "7d", why: "How long." }),
  warmup: durationOverride({ min: "1ms", max: "1h", why: "The first part, kept out of the result." }),
  think: durationOverride({ min: "1us", max: "1h", why: "Closed loop: pause before the next request." }),
  requests: optional(count({ min: 1, max: 1e12, why: "Ends the run." }), "Number of requests."),
}).prefault({});

const tlsSection = section({
  insecure: flag({ default: false, why: "Accept any certificate." }),
  cacert: optional(plainText("PEM file, beside the scenario, of the authorities to trust."), "Authorities."),
  serverName: optional(plainText("Name to ask for and to verify."), "Name."),
  cert: optional(plainText("PEM file of this client's certificate with its chain."), "Certificate."),
  key: optional(plainText("PEM file of its key."), "Key."),
  handshake: choice(["full", "resume"], { default: "full", why: "Whether sessions are resumed." }),
});

const scenarioSchema = section({
  name: optional(plainText("Shown in results."), "Name."),
  target: checked("URL", "Where to send requests: `http://host:port`; https, ws and wss.", accepted(parseTarget)),
  http: choice(["1.1", "2"], { default: "1.1", why: "Version of HTTP." }),
  streams: optional(count({ min: 1, max: planLimits.streamsMax, why: "Streams on an HTTP/2 connection." }), "Streams."),
  tls: optional(tlsSection, "TLS."),
  messageSize: optional(
    count({ min: 0, max: planLimits.bodyBytesMax, why: "Size of a WebSocket's messages." }),
    "Message size.",
  ),
  idle: optional(count({ min: 0, max: planLimits.connectionsMax, why: "Connections that carry nothing." }), "Idle."),
  load: loadSection,
  connections: optional(count({ min: 1, max: planLimits.connectionsMax, why: "Connections in all." }), "Connections."),
  processes: optional(count({ min: 1, max: planLimits.processesMax, why: "Client processes." }), "Processes."),
  reuse: choice(["keep", "none"], { default: "keep", why: "Whether connections are kept." }),
  source: optional(checked("addresses", "Local addresses, `127.0.0.2-127.0.0.9`.", accepted(parseSources)), "Source."),
  timeout: durationOverride({ min: "1ms", max: "1h", why: "For a whole answer." }),
  connectTimeout: durationOverride({ min: "1ms", max: "10m", why: "For a connection." }),
  seed: optional(count({ min: 0, max: 4_294_967_295, why: "Seed of everything random." }), "Seed."),
  classes: named(classSection, { why: "Kinds of requests by name." }),
  failIf: listOf(plainText("Expressions that say when the run fails."), { max: 100, default: [], why: "Thresholds." }),
});

type ParsedScenario = z.output<typeof scenarioSchema>;
type ParsedClass = ParsedScenario["classes"][number];

export function readScenario(file: string): Scenario {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw new WeirError("load.scenario", `${file} cannot be read`, { hint: String(error), cause: error });
  }
  return parseScenario(content, file);
}

/** @param file its folder is where body files are looked for, its name stands in messages */
export function parseScenario(content: string, file: string): Scenario {
  const parsed = parseDocumentWith(scenarioSchema, content, file);
  if ("problems" in parsed) throw scenarioError(file, parsed.problems.map(describe));
  const { value } = parsed;
  const found = crossProblems(value);
  if (found.length > 0) throw scenarioError(file, found);
  return { input: inputOf(value, dirname(file)), failIf: value.failIf };
}

function crossProblems(value: ParsedScenario): string[] {
  const found: string[] = [];
  const { load, classes } = value;
  if (classes.length === 0) found.push("classes: there must be at least one");
  if (classes.length > planLimits.classesMax) found.push(`classes: at most ${planLimits.classesMax}`);
  if (load.rate !== null && load.shape !== null) found.push("load: give rate or shape, not both");
  if (load.thinkMs !== null && (load.rate !== null || load.shape !== null))
    found.push("load.think belongs to a closed loop");
  for (const each of classes) {
    if (each.body !== null && each.bodyFile !== null)
      found.push(`classes.${each.name}: give body or bodyFile, not both`);
  }
  for (const expression of value.failIf) {
    const wrong = accepted((input) =>
      parseThreshold(
        input,
        classes.map((each) => each.name),
      ),
    )(expression);
    if (wrong !== null) found.push(`failIf: ${wrong.reason}; ${wrong.hint}`);
  }
  return found;
}

function inputOf(value: ParsedScenario, folder: string): PlanInput {
  const { load } = value;
  const pieces = load.shape === null ? null : load.shape.map((piece) => parsePiece(piece)!);
  const input = {
    url: value.target,
    name: value.name,
    classes: value.classes.map((each) => planClassOf(each, folder)),
    ratePerSecond: load.rate,
    ratePerConnection: load.ratePerConnection,
    httpVersion: value.http,
    streamsPerConnection: value.streams,
    tls: value.tls === null ? null : tlsOf(value.tls, folder),
    messageBytes: value.messageSize,
    idleConnectionsCount: value.idle,
    pieces,
    arrivals: load.arrivals,
    catchUp: load.catchUp,
    skipAfterMs: load.skipAfterMs,
    durationMs: load.durationMs,
    warmupMs: load.warmupMs,
    thinkMs: load.thinkMs,
    requestsMax: load.requests,
    connectionsCount: value.connections,
    processesCount: value.processes,
    reusesConnections: value.reuse === "keep",
    sourceAddresses: value.source === null ? null : parseSources(value.source),
    timeoutMs: value.timeoutMs,
    connectTimeoutMs: value.connectTimeoutMs,
    seed: value.seed,
  };
  return Object.fromEntries(Object.entries(input).filter(([, each]) => each !== null)) as unknown as PlanInput;
}

function tlsOf(tls: z.output<typeof tlsSection>, folder: string): PlanTls {
  const file = (name: string | null): string | null => (name === null ? null : resolve(folder, name));
  return {
    verifies: !tls.insecure,
    authorityFile: file(tls.cacert),
    serverName: tls.serverName,
    certificateFile: file(tls.cert),
    keyFile: file(tls.key),
    resumes: tls.handshake === "resume",
  };
}

function planClassOf(value: ParsedClass, folder: string): NonNullable<PlanInput["classes"]>[number] {
  const { expect } = value;
  return {
    name: value.name,
    weight: value.weight,
    method: value.method.toUpperCase(),
    path: value.path,
    headers: Object.entries(value.headers),
    body: value.bodyFile === null ? value.body : readBody(resolve(folder, value.bodyFile)),
    checks: {
      statuses: expect.status,
      fields: expect.field.map((field) => {
        const colon = field.indexOf(":");
        return colon < 0
          ? { name: field, value: null }
          : { name: field.slice(0, colon), value: field.slice(colon + 1).trim() };
      }),
      bodyContains: expect.body,
      bodyBytes: expect.bodyLength,
    },
  };
}

function readBody(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new WeirError("load.scenario", `the body file ${file} cannot be read`, { hint: String(error), cause: error });
  }
}

function describe(problem: Problem): string {
  const fill = (message: Message): string => say(message, problem.values);
  const hint = problem.hint === null ? "" : `; ${fill(problem.hint)}`;
  return `${problem.line}:${problem.column} ${problem.path.join(".")}: ${fill(problem.message)}${hint}`;
}

function scenarioError(file: string, found: readonly string[]): WeirError {
  const lines = found.map((each) => `  ${file}:${each}`).join("\n");
  return new WeirError("load.scenario", `the scenario has ${found.length} problems:\n${lines}`, {
    hint: "docs/load.md describes every key of a scenario",
  });
}
