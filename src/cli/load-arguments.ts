/** Turns the text of `weir load`'s arguments into a plan's input. Every wrong value is told with what would be right. */
import { readFileSync } from "node:fs";
import { WeirError } from "../base/mod.ts";
import { parseDurationMs } from "../config/mod.ts";
import {
  burstShape,
  type Pacing,
  type PlanChecks,
  type PlanInput,
  type PlanTls,
  parseSchedule,
  parseSources,
  planDefaults,
  type ShapePiece,
} from "../load/mod.ts";
import type { LoadArguments } from "./load-command.ts";

/** What the arguments say; anything not said is absent, so that a scenario's own value stands. */
export function planInputOf(url: string, options: LoadArguments): PlanInput {
  const durationMs = optional(options.duration, (text) => duration("--duration", text));
  const pieces = piecesOf(options, durationMs);
  return compact({
    url,
    ...(pieces === null ? { ratePerSecond: optional(options.rate, (text) => amount("--rate", text)) } : { pieces }),
    durationMs,
    ratePerConnection: optional(options.ratePerConnection, (text) => amount("--rate-per-connection", text)),
    httpVersion: optional(options.http, (text) => word("--http", text, ["1.1", "2"])),
    streamsPerConnection: optional(options.streams, (text) => whole("--streams", text)),
    idleConnectionsCount: optional(options.idle, (text) => whole("--idle", text)),
    messageBytes: optional(options.messageSize, (text) => whole("--message-size", text)),
    tls: tlsOf(options),
    connectionsCount: optional(options.connections, (text) => whole("--connections", text)),
    requestsMax: optional(options.requests, (text) => whole("--requests", text)),
    arrivals: optional(options.arrivals, (text) => word("--arrivals", text, ["constant", "poisson"])),
    seed: optional(options.seed, (text) => whole("--seed", text)),
    thinkMs: optional(options.think, (text) => duration("--think", text)),
    ...catchUpOf(options.catchUp),
    warmupMs: optional(options.warmup, (text) => duration("--warmup", text)),
    request: requestOf(options),
    timeoutMs: optional(options.timeout, (text) => duration("--timeout", text)),
    connectTimeoutMs: optional(options.connectTimeout, (text) => duration("--connect-timeout", text)),
    connectPerSecond: optional(options.connectRate, (text) => amount("--connect-rate", text)),
    reusesConnections: optional(options.reuse, (text) => word("--reuse", text, ["keep", "none"]) === "keep"),
    sourceAddresses: optional(options.source, parseSources),
    processesCount: optional(options.processes, (text) => whole("--processes", text)),
    pacing: optional(
      options.pacing,
      (text): Pacing => word("--pacing", text, ["auto", "precise", "frugal", "spin", "timer"]),
    ),
    health: optional(options.health, (text) => ({ isVoidable: word("--health", text, ["void", "warn"]) === "void" })),
  }) as unknown as PlanInput;
}

/** `1000,2000,4000` or `1000-8000:1000`. */
export function parseLevels(option: string, text: string): number[] {
  const range = /^([\d.]+)-([\d.]+):([\d.]+)$/.exec(text);
  if (range === null) return text.split(",").map((each) => amount(option, each.trim()));
  const [low, high, step] = [Number(range[1]), Number(range[2]), Number(range[3])] as const;
  if (!(low > 0 && high >= low && step > 0)) throw wrong(option, text, "write 1000,2000,4000 or 1000-8000:1000");
  return Array.from({ length: Math.floor((high - low) / step + 1e-9) + 1 }, (_, index) => low + index * step);
}

function piecesOf(options: LoadArguments, durationMs: number | undefined): ShapePiece[] | null {
  const { steps, ramp, burst, schedule, rate } = options;
  const given = [steps, ramp, burst, schedule].filter((each) => each !== undefined);
  if (given.length === 0) return null;
  if (given.length > 1) throw wrong("--steps, --ramp, --burst, --schedule", given.join(" "), "give one of them");
  const lengthMs = durationMs ?? planDefaults.durationMs;
  if (schedule !== undefined) return parseSchedule(readText("--schedule", schedule), schedule);
  if (steps !== undefined) return stepPieces(steps);
  if (ramp !== undefined) {
    const match = /^([\d.]+)-([\d.]+)$/.exec(ramp);
    if (match === null) throw wrong("--ramp", ramp, "write the two rates, as in 0-5000");
    return [{ durationMs: lengthMs, fromPerSecond: Number(match[1]), toPerSecond: Number(match[2]) }];
  }
  const match = /^([\d.]+):([^:]+):([^:]+)$/.exec(burst!);
  if (match === null || rate === undefined) {
    throw wrong("--burst", burst!, "write RATE:LENGTH:EVERY, as in 9000:200ms:5s, beside --rate for the rate between");
  }
  const shape = {
    perSecond: amount("--burst", match[1]!),
    burstMs: duration("--burst", match[2]!),
    everyMs: duration("--burst", match[3]!),
  };
  return burstShape(amount("--rate", rate), shape, lengthMs);
}

function stepPieces(text: string): ShapePiece[] {
  return text.split(",").map((step) => {
    const match = /^\s*([\d.]+):(\S+)\s*$/.exec(step);
    if (match === null) throw wrong("--steps", step, "write RATE:LENGTH, as in 1000:10s,2000:10s");
    const perSecond = Number(match[1]);
    return { durationMs: duration("--steps", match[2]!), fromPerSecond: perSecond, toPerSecond: perSecond };
  });
}

function catchUpOf(text: string | undefined): Pick<PlanInput, "catchUp" | "skipAfterMs"> {
  if (text === undefined) return {};
  if (text === "send" || text === "skip") return { catchUp: text };
  if (!text.startsWith("skip:")) throw wrong("--catch-up", text, "write send, skip or skip:200ms");
  return { catchUp: "skip", skipAfterMs: duration("--catch-up", text.slice("skip:".length)) };
}

function requestOf(options: LoadArguments): PlanInput["request"] {
  const headers = (options.header ?? []).map((text): [string, string] => field("--header", text, true));
  if (options.body !== undefined && options.bodyFile !== undefined) {
    throw wrong("--body", options.body, "give --body or --body-file, not both");
  }
  const body = options.bodyFile === undefined ? options.body : readBytes("--body-file", options.bodyFile);
  const checks: PlanChecks = {
    statuses:
      optional(options.expectStatus, (text) => text.split(",").map((each) => whole("--expect-status", each))) ?? [],
    fields: (options.expectField ?? []).map((text) => {
      const [name, value] = field("--expect-field", text, false);
      return { name, value: value === "" ? null : value };
    }),
    bodyContains: options.expectBody ?? [],
    bodyBytes: null,
  };
  return compact({ method: options.method?.toUpperCase(), headers, body, checks }) as unknown as PlanInput["request"];
}

function tlsOf(options: LoadArguments): Partial<PlanTls> | undefined {
  const tls = compact({
    verifies: options.insecure === true ? false : undefined,
    authorityFile: options.cacert,
    serverName: options.serverName,
    certificateFile: options.cert,
    keyFile: options.key,
    resumes: optional(options.handshake, (text) => word("--handshake", text, ["full", "resume"]) === "resume"),
  });
  return Object.keys(tls).length === 0 ? undefined : (tls as Partial<PlanTls>);
}

function field(option: string, text: string, needsValue: boolean): [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?::[ \t]*(.*))?$/.exec(text);
  if (match === null || (needsValue && match[2] === undefined)) throw wrong(option, text, "write 'Name: value'");
  return [match[1]!, match[2] ?? ""];
}

function compact(input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
}

function optional<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

function duration(option: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === null) throw wrong(option, text, "write a number and its unit: 500ms, 30s, 10m");
  return ms;
}

function amount(option: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0)) throw wrong(option, text, "write a number above zero");
  return value;
}

function whole(option: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isInteger(value)) throw wrong(option, text, "write a whole number");
  return value;
}

function word<const W extends string>(option: string, text: string, words: readonly W[]): W {
  const found = words.find((each) => each === text);
  if (found === undefined) throw wrong(option, text, `write one of ${words.join(", ")}`);
  return found;
}

function readBytes(option: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new WeirError("load.file", `${option}: ${file} cannot be read`, { hint: String(error), cause: error });
  }
}

function readText(option: string, file: string): string {
  return new TextDecoder().decode(readBytes(option, file));
}

function wrong(option: string, text: string, hint: string): WeirError {
  return new WeirError("load.argument", `${option}: "${text}" is not understood`, { hint });
}
