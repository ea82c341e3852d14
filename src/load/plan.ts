/**
 * A load plan: everything a run does, with nothing left to default. It is plain data, so that it travels to the client
 * processes as it is; the command line and scenario files are two ways of writing one. `planDefaults` holds every default
 * and limit with its reason.
 */
import { type Arrivals, type ShapePiece, shapeDurationMs } from "./shape.ts";

export interface PlanTarget {
  readonly host: string;
  readonly port: number;
  /** TLS: https and wss. */
  readonly isSecure: boolean;
}

export type ProtocolName = "http/1.1" | "http/2" | "websocket";

/** How connections to a secure target are secured; files are in PEM form. */
export interface PlanTls {
  /** Whether the server's certificate must be good for its name. */
  readonly verifies: boolean;
  /** Authorities to trust instead of the system's. */
  readonly authorityFile: string | null;
  /** The name to ask for and to verify; null for the target's host. */
  readonly serverName: string | null;
  /** This client's own certificate with its chain, and its key; without a key file the certificate's file holds both. */
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  /** Whether a connection resumes the session of an earlier one; else every handshake is a full one. */
  readonly resumes: boolean;
}

/** A field that an answer must carry; without `value` any value will do. */
export interface FieldCheck {
  readonly name: string;
  readonly value: string | null;
}

export interface PlanChecks {
  /** Statuses that count as good; empty means 200 to 399. */
  readonly statuses: readonly number[];
  readonly fields: readonly FieldCheck[];
  /** Text the body must contain. */
  readonly bodyContains: readonly string[];
  /** Exact length of the body in bytes. */
  readonly bodyBytes: number | null;
}

/** One class of requests. `path`, header values and text bodies are templates (see template.ts). */
export interface PlanClass {
  readonly name: string;
  readonly weight: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Text is a template; bytes are sent as they are. */
  readonly body: string | Uint8Array | null;
  readonly checks: PlanChecks;
}

/** Every connection sends its next request when it has its answer, after `thinkMs`. */
export interface ClosedLoad {
  readonly kind: "closed";
  readonly durationMs: number;
  readonly thinkMs: number;
}

/** Requests become due on a schedule that does not wait for answers. */
export interface OpenLoad {
  readonly kind: "open";
  readonly arrivals: Arrivals;
  readonly pieces: readonly ShapePiece[];
  /**
   * What happens to requests that fell behind (a stalled server, a stalled generator): `send` sends every one of them as
   * soon as it can; `skip` gives up those more than `skipAfterMs` late, and counts them.
   */
  readonly catchUp: "send" | "skip";
  readonly skipAfterMs: number;
}

/** How an idle client process waits for the next request that is due. */
export type Pacing = "auto" | "precise" | "frugal" | "spin" | "timer";

export interface HealthLimits {
  readonly sendLagUsP99Max: number;
  readonly cpuRatioMax: number;
  readonly stallMsMax: number;
  /** False turns a void verdict into a warning. */
  readonly isVoidable: boolean;
}

export interface LoadPlan {
  /** Shown in results; a scenario's name or the URL. */
  readonly name: string;
  readonly target: PlanTarget;
  readonly protocol: ProtocolName;
  /** Exchanges at once on a connection: HTTP/2's streams, 1 for the other protocols. */
  readonly streamsPerConnection: number;
  /** Null for a target without TLS. */
  readonly tls: PlanTls | null;
  readonly classes: readonly PlanClass[];
  readonly load: ClosedLoad | OpenLoad;
  /** Of all processes together. */
  readonly connectionsCount: number;
  /** Connections beside those, opened and kept, that carry nothing. */
  readonly idleConnectionsCount: number;
  /** Measurements of the first part of a run are kept out of the result. */
  readonly warmupMs: number;
  /** Ends the run early after this many requests; null for no such end. */
  readonly requestsMax: number | null;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Of all processes together. */
  readonly connectPerSecond: number;
  readonly reusesConnections: boolean;
  readonly sourceAddresses: readonly string[];
  readonly processesCount: number;
  readonly seed: number;
  readonly pacing: Pacing;
  /** How long after the end requests that wait may still be sent. */
  readonly drainMs: number;
  readonly health: HealthLimits;
}

/** One client process's part of a plan. */
export interface ProcessShare {
  /** Which of how many processes this is. */
  readonly process: number;
  readonly processesCount: number;
  readonly connectionsCount: number;
  readonly idleCount: number;
}

export const planDefaults = {
  /** wrk's 10 hides queueing; 64 keeps a two-core server busy without hiding anything. */
  connectionsCount: 64,
  /** Idle connections cost an open loop nothing, and a slow server needs many. */
  openConnectionsCount: 256,
  /** What a WebSocket sends where nothing is said: the size of a short quote. */
  messageBytes: 64,
  /** A closed loop sends as it reads. */
  answersPerPoll: 512,
  /** Reading takes 2 to 10 us an answer: more at once would make the requests that become due meanwhile late. */
  answersPerPollOpen: 32,
  durationMs: 10_000,
  timeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  /** Well above what one listener accepts, so it bounds a flood, not a test. */
  connectPerSecond: 20_000,
  drainMs: 1_000,
  skipAfterMs: 1_000,
  /** The bar of the generator itself: below it a timer tick of 1 ms still fits. */
  sendLagUsP99Max: 1_500,
  cpuRatioMax: 0.95,
  /** Longer pauses of the event loop than this are the generator's, not the server's. */
  stallMsMax: 100,
} as const;

/** Bounds of what a plan may ask for, with the reason where it is not plain. */
export const planLimits = {
  classesMax: 64,
  connectionsMax: 1_000_000,
  /** More than any server allows on a connection (RFC 9113 advises to allow 100). */
  streamsMax: 10_000,
  perSecondMax: 10_000_000,
  /** A week. */
  durationMsMax: 604_800_000,
  processesMax: 64,
  bodyBytesMax: 64 * 1024 * 1024,
  shapePiecesMax: 100_000,
} as const;

/** The part of one process in a number that all of them share evenly. */
export function partOf(count: number, share: Pick<ProcessShare, "process" | "processesCount">): number {
  return Math.floor((count + share.processesCount - 1 - share.process) / share.processesCount);
}

export function planDurationMs(plan: LoadPlan): number {
  return plan.load.kind === "closed" ? plan.load.durationMs : shapeDurationMs(plan.load.pieces);
}

export const noChecks: PlanChecks = { statuses: [], fields: [], bodyContains: [], bodyBytes: null };
