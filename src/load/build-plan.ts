/**
 * Makes a whole plan from the few things that matter, filling in every default. The command line, scenario files and
 * experiments all come through here, so a default means the same everywhere.
 */
import { availableParallelism } from "node:os";
import { randomSeed, WeirError } from "../base/mod.ts";
import {
  type ClosedLoad,
  type LoadPlan,
  noChecks,
  type OpenLoad,
  type PlanClass,
  type PlanTarget,
  type PlanTls,
  type ProtocolName,
  planDefaults,
  planLimits,
} from "./plan.ts";
import { checkCombination } from "./plan-combinations.ts";
import { type Arrivals, constantShape, type ShapePiece } from "./shape.ts";
import { templateProblem } from "./template.ts";

/** What a caller may say of a class; the rest is GET with no body and no checks. */
export type ClassInput = Partial<PlanClass> & { readonly name: string; readonly path: string };

export interface PlanInput {
  /** Target, and the path of the one class where `classes` is not given. */
  readonly url: string;
  readonly name?: string;
  readonly classes?: readonly ClassInput[];
  /** Changes to the one class that the URL stands for. */
  readonly request?: Partial<Omit<PlanClass, "name" | "path" | "weight">>;
  /** Open loop at this constant rate, or with these pieces; neither means a closed loop. */
  readonly ratePerSecond?: number;
  /** The same for each connection: a rate that grows with their number. */
  readonly ratePerConnection?: number;
  readonly pieces?: readonly ShapePiece[];
  readonly arrivals?: Arrivals;
  readonly catchUp?: OpenLoad["catchUp"];
  readonly skipAfterMs?: number;
  readonly durationMs?: number;
  readonly thinkMs?: number;
  readonly connectionsCount?: number;
  readonly idleConnectionsCount?: number;
  /** Of https and http targets; "1.1" where nothing is said. */
  readonly httpVersion?: "1.1" | "2";
  /** Exchanges at once on a connection of HTTP/2. */
  readonly streamsPerConnection?: number;
  /** Of https and wss targets. */
  readonly tls?: Partial<PlanTls>;
  /** Size of a WebSocket's messages where a class has no body. */
  readonly messageBytes?: number;
  readonly warmupMs?: number;
  readonly requestsMax?: number | null;
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly connectPerSecond?: number;
  readonly reusesConnections?: boolean;
  readonly sourceAddresses?: readonly string[];
  readonly processesCount?: number;
  readonly seed?: number;
  readonly pacing?: LoadPlan["pacing"];
  readonly drainMs?: number;
  readonly health?: Partial<LoadPlan["health"]>;
}

const plainTls: PlanTls = {
  verifies: true,
  authorityFile: null,
  serverName: null,
  certificateFile: null,
  keyFile: null,
  resumes: false,
};

export function buildPlan(input: PlanInput): LoadPlan {
  const { target, path, isWebSocket } = parseTarget(input.url);
  checkCombination(input, { isSecure: target.isSecure, isWebSocket });
  const protocol: ProtocolName = isWebSocket ? "websocket" : input.httpVersion === "2" ? "http/2" : "http/1.1";
  const isOpen = [input.ratePerSecond, input.ratePerConnection, input.pieces].some((each) => each !== undefined);
  const connectionsCount =
    input.connectionsCount ?? (isOpen ? planDefaults.openConnectionsCount : planDefaults.connectionsCount);
  const load = loadOf(input, connectionsCount);
  const processesCount = Math.min(input.processesCount ?? defaultProcesses(target.host), connectionsCount);
  const inputs = input.classes ?? [{ ...input.request, name: "all", path }];
  const message = new Uint8Array(input.messageBytes ?? planDefaults.messageBytes).fill(0x77);
  const classes = inputs.map((each) => classOf(isWebSocket ? { ...each, body: each.body ?? message } : each));
  const plan: LoadPlan = {
    name: input.name ?? input.url,
    target,
    protocol,
    streamsPerConnection: input.streamsPerConnection ?? 1,
    tls: target.isSecure ? { ...plainTls, ...input.tls } : null,
    classes,
    load,
    connectionsCount,
    idleConnectionsCount: input.idleConnectionsCount ?? 0,
    warmupMs: input.warmupMs ?? 0,
    requestsMax: input.requestsMax ?? null,
    timeoutMs: input.timeoutMs ?? planDefaults.timeoutMs,
    connectTimeoutMs: input.connectTimeoutMs ?? planDefaults.connectTimeoutMs,
    connectPerSecond: input.connectPerSecond ?? planDefaults.connectPerSecond,
    reusesConnections: input.reusesConnections ?? true,
    sourceAddresses: input.sourceAddresses ?? [],
    processesCount,
    seed: input.seed ?? randomSeed(),
    pacing: input.pacing ?? "auto",
    drainMs: input.drainMs ?? planDefaults.drainMs,
    health: {
      sendLagUsP99Max: planDefaults.sendLagUsP99Max,
      cpuRatioMax: planDefaults.cpuRatioMax,
      stallMsMax: planDefaults.stallMsMax,
      isVoidable: true,
      ...input.health,
    },
  };
  checkPlan(plan);
  return plan;
}

/**
 * Client processes by default: one per core against another machine. Against this machine, half the cores, so that the
 * other half is left to what is measured.
 */
export function defaultProcesses(host: string): number {
  const cores = availableParallelism();
  const isLocal = host === "localhost" || host === "::1" || host.startsWith("127.");
  return Math.min(planLimits.processesMax, Math.max(1, isLocal ? Math.floor(cores / 2) : cores));
}

export function parseTarget(url: string): { target: PlanTarget; path: string; isWebSocket: boolean } {
  const match =
    /^(https?|wss?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^/:?#[\]@]+))(?::(\d{1,5}))?(\/[^#]*|\?[^#]*)?(?:#.*)?$/.exec(url);
  if (match === null) {
    throw new WeirError("load.url", `"${url}" is not a URL that can be loaded`, {
      hint: "write it as http://127.0.0.1:8080/path; https, ws and wss work too",
    });
  }
  const scheme = match[1]!;
  const isSecure = scheme === "https" || scheme === "wss";
  const port = match[4] === undefined ? (isSecure ? 443 : 80) : Number(match[4]);
  if (port < 1 || port > 65535) {
    throw new WeirError("load.url", `${port} is not a port`, { hint: "ports go from 1 to 65535" });
  }
  const path = match[5] ?? "/";
  return {
    target: { host: match[2] ?? match[3]!, port, isSecure },
    path: path.startsWith("?") ? `/${path}` : path,
    isWebSocket: scheme.startsWith("ws"),
  };
}

function loadOf(input: PlanInput, connectionsCount: number): ClosedLoad | OpenLoad {
  const durationMs = input.durationMs ?? planDefaults.durationMs;
  const { ratePerConnection } = input;
  const rate = ratePerConnection === undefined ? input.ratePerSecond : ratePerConnection * connectionsCount;
  const pieces = input.pieces ?? (rate === undefined ? null : constantShape(rate, durationMs));
  if (pieces === null) return { kind: "closed", durationMs, thinkMs: input.thinkMs ?? 0 };
  return {
    kind: "open",
    arrivals: input.arrivals ?? "constant",
    pieces,
    catchUp: input.catchUp ?? "send",
    skipAfterMs: input.skipAfterMs ?? planDefaults.skipAfterMs,
  };
}

function classOf(input: ClassInput): PlanClass {
  return {
    weight: 1,
    method: input.body === undefined || input.body === null ? "GET" : "POST",
    headers: [],
    body: null,
    checks: noChecks,
    ...input,
    // What a URL may not hold is sent as browsers send it.
    path: input.path.replace(/[^\x20-\x7e]+/g, encodeURIComponent),
  };
}

/** What would otherwise go wrong in a client process, told before one is started. */
function checkPlan(plan: LoadPlan): void {
  const { connectionsMax, streamsMax, perSecondMax, processesMax, durationMsMax, classesMax, shapePiecesMax } =
    planLimits;
  within(plan.connectionsCount, 1, connectionsMax, "connections");
  within(plan.idleConnectionsCount, 0, connectionsMax, "idle connections");
  within(plan.streamsPerConnection, 1, streamsMax, "streams");
  within(plan.streamsPerConnection * plan.connectionsCount, 1, connectionsMax, "streams of all connections");
  within(plan.processesCount, 1, processesMax, "processes");
  within(plan.classes.length, 1, classesMax, "classes");
  if (plan.load.kind === "open") {
    within(plan.load.pieces.length, 1, shapePiecesMax, "pieces of the load shape");
    for (const piece of plan.load.pieces) {
      within(piece.durationMs, 0.001, durationMsMax, "milliseconds of a piece");
      within(piece.fromPerSecond, 0, perSecondMax, "requests per second");
      within(piece.toPerSecond, 0, perSecondMax, "requests per second");
    }
  } else {
    within(plan.load.durationMs, 1, durationMsMax, "milliseconds of duration");
  }
  for (const each of plan.classes) checkClass(each);
}

function checkClass(each: PlanClass): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(each.method)) throw badRequest(`"${each.method}" is not a method`);
  const head = [each.path, ...each.headers.flat()];
  if (head.some((text) => /[\r\n\0]/.test(text))) throw badRequest("a path or header contains a line break");
  if (/[ \t]/.test(each.path.replace(/\{\{[^{}]*\}\}/g, "")))
    throw badRequest(`the path "${each.path}" contains a blank`);
  const texts = typeof each.body === "string" ? [...head, each.body] : head;
  for (const text of texts) {
    const problem = templateProblem(text);
    if (problem !== null) throw badRequest(problem);
  }
  if (!(each.weight > 0)) throw badRequest(`the weight of ${each.name} is not above zero`);
}

function within(value: number, low: number, high: number, what: string): void {
  if (value >= low && value <= high) return;
  throw new WeirError("load.out-of-range", `${value} ${what} is out of range`, { hint: `from ${low} to ${high}` });
}

function badRequest(message: string): WeirError {
  return new WeirError("load.request", message, { hint: "see docs/load.md, Requests" });
}
