/**
 * Faults and how they are written: a kind, then settings, the same on the command line, in a scenario and over HTTP.
 *
 *     latency delay=100ms jitter=20ms direction=down probability=0.5
 *
 * `direction` is `up` (client to upstream), `down` (upstream to client) or `both`, the default. `probability` is the share of
 * connections that a fault strikes: chance is drawn once for each connection and fault, not for each packet, because a
 * proxy over TCP cannot lose packets, only what TCP makes of them.
 */
import { say, WeirError } from "../base/mod.ts";
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from "../config/mod.ts";
import { messages } from "./messages.ts";

export type Direction = "up" | "down" | "both";

interface FaultBase {
  readonly direction: Direction;
  /** Share of the connections it strikes, 0 to 1. */
  readonly probability: number;
}

export type FaultAction =
  /** Bytes arrive later, in order. */
  | { readonly kind: "latency"; readonly delayMs: number; readonly jitterMs: number }
  | { readonly kind: "bandwidth"; readonly bytesPerSecond: number }
  /** What is sent vanishes; the connection is reset when the fault ends, for its stream has a hole. */
  | { readonly kind: "loss" }
  /** Nothing passes, new connections neither; what waits passes when the fault ends. */
  | { readonly kind: "partition" }
  /** The connection is reset so long after it was opened or the fault began, whichever is later. */
  | { readonly kind: "reset"; readonly afterMs: number }
  /** The end of the stream arrives later. */
  | { readonly kind: "slow-close"; readonly delayMs: number }
  /** Bytes come in small pieces with a pause between them. */
  | { readonly kind: "slice"; readonly sizeBytes: number; readonly variationBytes: number; readonly delayMs: number }
  /** The connection is closed after so many bytes. */
  | { readonly kind: "limit"; readonly bytes: number };

export type Fault = FaultBase & FaultAction;
export type FaultKind = Fault["kind"];

type Unit = "duration" | "rate" | "size";
interface Setting {
  readonly key: string;
  readonly unit: Unit;
  /** Where the value goes in the fault. */
  readonly field: string;
  /** Absent: must be given. */
  readonly fallback?: number;
  readonly min: number;
}

interface Grammar {
  readonly settings: readonly Setting[];
  readonly example: string;
}

const delay: Setting = { key: "delay", unit: "duration", field: "delayMs", min: 0 };

const grammars: Readonly<Record<FaultKind, Grammar>> = {
  latency: {
    settings: [delay, { key: "jitter", unit: "duration", field: "jitterMs", fallback: 0, min: 0 }],
    example: "latency delay=100ms jitter=20ms",
  },
  bandwidth: {
    settings: [{ key: "rate", unit: "rate", field: "bytesPerSecond", min: 1 }],
    example: "bandwidth rate=100KB/s",
  },
  loss: { settings: [], example: "loss probability=0.1" },
  partition: { settings: [], example: "partition" },
  reset: {
    settings: [{ key: "after", unit: "duration", field: "afterMs", fallback: 0, min: 0 }],
    example: "reset after=50ms probability=0.1",
  },
  "slow-close": { settings: [delay], example: "slow-close delay=2s" },
  slice: {
    settings: [
      { key: "size", unit: "size", field: "sizeBytes", min: 1 },
      { key: "variation", unit: "size", field: "variationBytes", fallback: 0, min: 0 },
      { ...delay, fallback: 0 },
    ],
    example: "slice size=64B variation=16B delay=1ms",
  },
  limit: { settings: [{ key: "bytes", unit: "size", field: "bytes", min: 0 }], example: "limit bytes=10KiB" },
};

export const faultKinds = Object.keys(grammars) as FaultKind[];

/** How each kind is written, for help texts. */
export const faultExamples: readonly string[] = faultKinds.map((kind) => grammars[kind].example);

/** Throws `WeirError` `chaos.fault` that says what is wrong and shows an example. */
export function parseFault(text: string): Fault {
  const [word = "", ...rest] = text.trim().split(/\s+/);
  const kind = faultKinds.find((each) => each === word);
  if (kind === undefined) {
    throw new WeirError("chaos.fault", say(messages.faultUnknown, { kind: word }), {
      hint: say(messages.faultUnknownHint, { kinds: faultKinds.join(", ") }),
    });
  }
  const grammar = grammars[kind];
  const fields: Record<string, unknown> = { kind, direction: "both", probability: 1 };
  for (const setting of grammar.settings) {
    if (setting.fallback !== undefined) fields[setting.field] = setting.fallback;
  }
  for (const piece of rest) {
    const read = readSetting(piece, grammar);
    if (read === null) throw wrong(kind, messages.faultSetting, { text: piece });
    fields[read.field] = read.value;
  }
  const missing = grammar.settings.find(({ field }) => fields[field] === undefined);
  if (missing !== undefined) throw wrong(kind, messages.faultMissing, { key: missing.key });
  // Every field of the kind was filled from its grammar just above.
  return fields as unknown as Fault;
}

/** The text that `parseFault` reads as the same fault. */
export function formatFault(fault: Fault): string {
  const fields = fault as unknown as Readonly<Record<string, number>>;
  const words: string[] = [fault.kind];
  for (const { key, unit, field, fallback } of grammars[fault.kind].settings) {
    const value = fields[field]!;
    if (value !== fallback) words.push(`${key}=${formatValue(unit, value)}`);
  }
  if (fault.direction !== "both") words.push(`direction=${fault.direction}`);
  if (fault.probability !== 1) words.push(`probability=${fault.probability}`);
  return words.join(" ");
}

function readSetting(piece: string, grammar: Grammar): { field: string; value: unknown } | null {
  const [key = "", text = "", ...more] = piece.split("=");
  if (text === "" || more.length > 0) return null;
  if (key === "direction") {
    return text === "up" || text === "down" || text === "both" ? { field: key, value: text } : null;
  }
  if (key === "probability") {
    const value = Number(text);
    return value >= 0 && value <= 1 ? { field: key, value } : null;
  }
  const setting = grammar.settings.find((each) => each.key === key);
  const value = setting === undefined ? null : readValue(setting.unit, text);
  if (setting === undefined || value === null || value < setting.min) return null;
  return { field: setting.field, value };
}

function readValue(unit: Unit, text: string): number | null {
  if (unit === "duration") return text === "0" ? 0 : parseDurationMs(text);
  return parseSizeBytes(unit === "rate" ? text.replace(/\/s$/, "") : text);
}

function formatValue(unit: Unit, value: number): string {
  if (unit === "duration") return formatDuration(value);
  return unit === "rate" ? `${formatSize(value)}/s` : formatSize(value);
}

function wrong(
  kind: FaultKind,
  message: (typeof messages)["faultSetting"] | (typeof messages)["faultMissing"],
  values: Record<string, string>,
): WeirError {
  return new WeirError("chaos.fault", say(message, { kind, ...values }), {
    hint: say(messages.faultHint, { example: grammars[kind].example }),
  });
}
