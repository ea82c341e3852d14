/**
 * A configuration compiled for the data plane: routes as one table, everything that is written prepared as bytes. Compiled
 * completely before it is used; from then on it does not change. A request keeps the settings it began under.
 */
import { latin1, Outcome, outcomeRow, type Random } from "../base/mod.ts";
import type { Config, FieldChanges, Network, RouteConfig } from "../config/mod.ts";
import { accessLogLabels, IdLines, seriesKey, slotNone, slotOther } from "../observe/mod.ts";
import {
  defaultHttp2Limits,
  FieldId,
  fieldMask,
  type Http1Limits,
  type Http2Limits,
  type MessageHead,
  Method,
  TargetForm,
  type WebSocketLimits,
} from "../protocols/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import { answerOf, type LocalAnswer, prepareAnswer, prepareProblem } from "./answers.ts";
import { OriginMemory } from "./forward.ts";
import { isInNetworks } from "./networks.ts";
import type { RouteProtection } from "./protection.ts";
import { RouteMiss, RouteTable } from "./route.ts";

/** Changes to fields of a request or an answer; null where a route makes none. */
export interface CompiledChanges {
  /** Names that are not passed on, in lower case. */
  readonly dropped: readonly Uint8Array[];
  /** Lines that are added. */
  readonly added: Uint8Array;
}

/**
 * What is done with the requests of a route. Routes that differ only in name and match share one: with thousands of them,
 * whatever each had for itself would have to be fetched from memory anew for every request.
 */
export interface CompiledRoute extends RouteProtection {
  readonly upstream: Upstream | null;
  /** The answer of a route that does not forward, or null. */
  readonly local: ((head: MessageHead) => LocalAnswer) | null;
  readonly mayPipeline: boolean;
  /** Times in milliseconds, 0 for no limit. */
  readonly requestTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly answerIdleTimeoutMs: number;
  readonly queueTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly attemptsMax: number;
  readonly retriesIdempotent: boolean;
  readonly honoursIdempotencyKey: boolean;
  /** Leading segments of the path that `pathPrefix` replaces; 0 and empty when the path is forwarded as it is. */
  readonly prefixSegments: number;
  readonly pathPrefix: Uint8Array | null;
  /** The Host line sent upstream; null to pass the client's on. */
  readonly hostLine: Uint8Array | null;
  readonly hostFromEndpoint: boolean;
  readonly requestChanges: CompiledChanges | null;
  readonly answerChanges: CompiledChanges | null;
  /** What consistent balancing goes by. */
  readonly hashOn: "none" | "client" | "path" | "field";
  readonly hashField: Uint8Array | null;
}

/** Client-side limits; times in milliseconds, 0 for no limit. */
export interface ClientLimits {
  readonly headTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly writeIdleTimeoutMs: number;
  readonly lingerMs: number;
  readonly requestsPerConnectionMax: number;
  readonly http1: Http1Limits;
  readonly http2: Http2Limits;
  readonly webSocket: WebSocketLimits;
}

/** What is written into forwarded heads. */
export interface ForwardSettings {
  readonly xForwarded: boolean;
  readonly forwarded: boolean;
  readonly viaLine: Uint8Array;
  /** `name: ` of the request id field, or null. */
  readonly requestIdPrefix: Uint8Array | null;
  readonly requestIdName: Uint8Array;
  readonly traceparent: boolean;
  /** New ids for requests of untrusted clients. */
  readonly idLines: IdLines;
  readonly origins: OriginMemory;
  /** Fields that are never copied, by who sent them. */
  readonly skipUntrusted: Uint8Array;
  readonly skipTrusted: Uint8Array;
}

export class Settings {
  readonly revision: number;
  readonly config: Config;
  /** By the index that `matchRoute` returns; so are the next two. */
  readonly routes: readonly CompiledRoute[];
  /** Where the requests of a route are counted in the shared segment. */
  readonly slots: Int32Array;
  /** The part of an access log line that names the route. */
  readonly labels: readonly Uint8Array[];
  readonly client: ClientLimits;
  readonly forward: ForwardSettings;
  private readonly table: RouteTable;
  private readonly healthPath: Uint8Array | null;
  private readonly healthAnswers: readonly [LocalAnswer, LocalAnswer];
  private readonly optionsAnswer: LocalAnswer;
  private readonly isDraining: () => boolean;

  constructor(
    config: Config,
    revision: number,
    slots: Readonly<Record<string, number>>,
    upstreams: ReadonlyMap<string, Upstream>,
    random: Random,
    protect: (route: RouteConfig) => RouteProtection,
    isDraining: () => boolean,
  ) {
    this.config = config;
    this.revision = revision;
    this.isDraining = isDraining;
    this.table = new RouteTable(config.routes, config.paths);
    this.routes = compileShared(config, (route) => compileRoute(route, config, upstreams, protect(route)));
    const pairs = config.routes.map((route) => [route.name, upstreamNameOf(route)] as const);
    this.slots = Int32Array.from(pairs, ([route, upstream]) => slots[seriesKey(route, upstream)] ?? slotOther);
    this.labels = pairs.map(([route, upstream]) => accessLogLabels(route, upstream));
    this.client = compileClientLimits(config);
    this.forward = compileForward(config, random);
    this.healthPath = config.health === null ? null : latin1(config.health);
    this.healthAnswers = [healthAnswer(200, "serving"), healthAnswer(503, "draining")];
    const methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
    this.optionsAnswer = prepareAnswer(Outcome.local, 204, [["allow", methods]], latin1(""));
  }

  /** Index of the route for a request, or one of `RouteMiss`. */
  matchRoute(head: MessageHead): number {
    if (this.isBuiltIn(head)) return BUILT_IN;
    return this.table.match(head);
  }

  /** What a request gets that no route takes. */
  unroutedAnswer(head: MessageHead, miss: number): LocalAnswer {
    if (miss === BUILT_IN) {
      if (isWholeServer(head)) return this.optionsAnswer;
      if (head.methodId === Method.connect || head.methodId === Method.trace)
        return answerOf(Outcome.methodNotSupported);
      return this.healthAnswers[this.isDraining() ? 1 : 0];
    }
    if (miss === RouteMiss.methodNotAllowed) {
      return prepareProblem(outcomeRow(Outcome.methodNotAllowed), [["allow", this.table.allowed()]]);
    }
    return answerOf(miss === RouteMiss.ambiguousPath ? Outcome.ambiguousPath : Outcome.noRoute);
  }

  /** Whether the client's forwarding fields are believed. */
  isTrusted(clientAddress: string): boolean {
    return isInNetworks(this.config.trustedNetworks as readonly Network[], clientAddress);
  }

  private isBuiltIn(head: MessageHead): boolean {
    if (head.methodId >= Method.options && (isWholeServer(head) || head.methodId >= Method.connect)) return true;
    const path = this.healthPath;
    if (path === null || head.pathEnd - head.pathStart !== path.length) return false;
    if (head.methodId !== Method.get && head.methodId !== Method.head) return false;
    for (let index = 0; index < path.length; index++) {
      if (head.bytes[head.pathStart + index] !== path[index]) return false;
    }
    return true;
  }
}

/** A request the gateway answers before any route. */
const BUILT_IN = -100;

/** `OPTIONS *`, or its absolute form without a path. */
function isWholeServer(head: MessageHead): boolean {
  if (head.methodId !== Method.options) return false;
  if (head.targetForm === TargetForm.asterisk) return true;
  return head.targetForm === TargetForm.absolute && head.pathStart === head.queryEnd;
}

function healthAnswer(status: number, state: string): LocalAnswer {
  const fields = [
    ["content-type", "application/json"],
    ["cache-control", "no-store"],
  ] as const;
  return prepareAnswer(Outcome.local, status, fields, latin1(`{"status":"${state}"}\n`));
}

/** Compiles every route, those that are the same but for name and match once. */
function compileShared(config: Config, compile: (route: RouteConfig) => CompiledRoute): CompiledRoute[] {
  const compiled = new Map<string, CompiledRoute>();
  const namesBreakers = config.upstreams.some(({ breaker }) => breaker?.scope === "route");
  return config.routes.map((route) => {
    // A breaker of its own goes by the route's name; last good answers are kept by target.
    const name = namesBreakers || route.fallback !== null ? route.name : null;
    const key = JSON.stringify({ ...route, name, match: null });
    const found = compiled.get(key) ?? compile(route);
    compiled.set(key, found);
    return found;
  });
}

function upstreamNameOf({ action }: RouteConfig): string {
  return action.kind === "upstream" ? action.upstream : "none";
}

function compileRoute(
  route: RouteConfig,
  config: Config,
  upstreams: ReadonlyMap<string, Upstream>,
  protection: RouteProtection,
): CompiledRoute {
  const { retry, rewrite } = route;
  const upstreamName = upstreamNameOf(route);
  const upstreamConfig = config.upstreams.find((upstream) => upstream.name === upstreamName);
  const hashOn = upstreamConfig?.balance === "consistent-hash" ? upstreamConfig.hashOn : null;
  const hostHeader = upstreamConfig?.hostHeader;
  return {
    ...protection,
    upstream: upstreams.get(upstreamName) ?? null,
    local: compileLocal(route),
    mayPipeline: route.pipelining && upstreamConfig?.connections.mode === "pipelined",
    requestTimeoutMs: route.timeouts.requestMs,
    firstByteTimeoutMs: route.timeouts.firstByteMs,
    answerIdleTimeoutMs: route.timeouts.idleMs,
    queueTimeoutMs: upstreamConfig?.queue.timeoutMs ?? 0,
    bodyBytesMax: route.limits.bodyBytesMax === 0 ? Number.MAX_SAFE_INTEGER : route.limits.bodyBytesMax,
    attemptsMax: retry.attemptsMax,
    retriesIdempotent: retry.idempotency !== "none",
    honoursIdempotencyKey: retry.idempotency === "key",
    prefixSegments: rewrite.path?.prefixSegments ?? 0,
    pathPrefix: rewrite.path === null ? null : latin1(rewrite.path.replacement),
    hostLine: hostHeader?.kind === "literal" ? latin1(`Host: ${hostHeader.value}\r\n`) : null,
    hostFromEndpoint: hostHeader?.kind === "endpoint",
    requestChanges: compileChanges(withoutProofs(rewrite.request, route, config)),
    answerChanges: compileChanges(rewrite.response),
    hashOn: hashOn?.kind ?? "none",
    hashField: hashOn?.kind === "field" ? latin1(hashOn.field) : null,
  };
}

function compileLocal(route: RouteConfig): ((head: MessageHead) => LocalAnswer) | null {
  const { action } = route;
  if (action.kind === "upstream") return null;
  if (action.kind === "respond") {
    const fields = action.fields.some(([name]) => name.toLowerCase() === "content-type")
      ? action.fields
      : ([["content-type", "text/plain; charset=utf-8"], ...action.fields] as const);
    const answer = prepareAnswer(Outcome.local, action.status, fields, Buffer.from(action.body));
    return () => answer;
  }
  const redirectTo = (location: string): LocalAnswer =>
    prepareAnswer(Outcome.local, action.status, [["location", location]], latin1(""));
  if (!action.location.includes("{path}")) {
    const answer = redirectTo(action.location);
    return () => answer;
  }
  return (head) => {
    const path = Buffer.from(head.bytes.subarray(head.pathStart, head.queryEnd)).toString("latin1");
    return redirectTo(action.location.replaceAll("{path}", () => path));
  };
}

function compileChanges(changes: FieldChanges): CompiledChanges | null {
  const { remove, set, add } = changes;
  if (remove.length + set.length + add.length === 0) return null;
  return {
    dropped: [...remove, ...set.map(([name]) => name)].map((name) => latin1(name.toLowerCase())),
    added: latin1([...set, ...add].map(([name, value]) => `${name}: ${value}\r\n`).join("")),
  };
}

/** What a client says under the names of forwarded claims is not passed on; nor its proof, where the route keeps that. */
function withoutProofs(changes: FieldChanges, route: RouteConfig, config: Config): FieldChanges {
  const { identity } = route;
  if (identity === null) return changes;
  const keyFields = config.identity.apiKeys
    .filter(({ name }) => identity.accept.includes(name))
    .map(({ field }) => field);
  const proofs = identity.dropProof ? ["authorization", ...keyFields] : [];
  return { ...changes, remove: [...changes.remove, ...identity.forward.map(([field]) => field), ...proofs] };
}

function compileClientLimits(config: Config): ClientLimits {
  const { timeouts, limits } = config;
  return {
    headTimeoutMs: timeouts.headMs,
    bodyIdleTimeoutMs: timeouts.bodyIdleMs,
    keepAliveTimeoutMs: timeouts.keepAliveIdleMs,
    writeIdleTimeoutMs: timeouts.clientWriteIdleMs,
    lingerMs: timeouts.lingerMs,
    requestsPerConnectionMax: limits.requestsPerConnectionMax,
    http1: http1Limits(config),
    http2: http2Limits(config),
    webSocket: limits.webSocket,
  };
}

/** The bounds of heads and chunked bodies, in both directions. */
export function http1Limits(config: Config): Http1Limits {
  const { limits } = config;
  return {
    headBytesMax: limits.headBytesMax,
    targetBytesMax: limits.targetBytesMax,
    fieldsMax: limits.fieldsMax,
    chunkExtensionBytesMax: limits.chunkExtensionBytesMax,
    trailerBytesMax: limits.trailerBytesMax,
  };
}

const http2LimitsOf = new WeakMap<Config, Http2Limits>();

/** The bounds of HTTP/2 connections: one object for a configuration, since connections under the same bounds share scratch. */
export function http2Limits(config: Config): Http2Limits {
  const known = http2LimitsOf.get(config);
  if (known !== undefined) return known;
  const { streamsMax, ...http2 } = config.limits.http2;
  const { headBytesMax, fieldsMax } = config.limits;
  const made: Http2Limits = {
    ...http2,
    concurrentStreamsMax: streamsMax,
    // What the decoder needs at least, where heads are limited to less.
    headListBytesMax: Math.max(headBytesMax, 4 * Math.max(http2.tableBytes, defaultHttp2Limits.tableBytes)),
    // The pseudo-fields besides.
    fieldsMax: fieldsMax + 4,
  };
  http2LimitsOf.set(config, made);
  return made;
}

function compileForward(config: Config, random: Random): ForwardSettings {
  const { forwarding } = config;
  // Written anew from what was parsed, whoever sent them.
  const rewritten = [
    FieldId.host,
    FieldId.contentLength,
    FieldId.transferEncoding,
    FieldId.expect,
    FieldId.traceparent,
  ];
  const claims = [FieldId.forwarded, FieldId.forwardedFor, FieldId.forwardedProto, FieldId.forwardedHost];
  const others = [FieldId.forwardedPort, FieldId.realIp, FieldId.tracestate];
  return {
    xForwarded: forwarding.fields === "x-forwarded" || forwarding.fields === "both",
    forwarded: forwarding.fields === "forwarded" || forwarding.fields === "both",
    viaLine: latin1(`Via: 1.1 ${forwarding.via}\r\n`),
    requestIdPrefix: forwarding.requestId ? latin1(`${forwarding.requestIdField}: `) : null,
    requestIdName: latin1(forwarding.requestIdField.toLowerCase()),
    traceparent: forwarding.traceparent,
    idLines: new IdLines(forwarding.requestId ? forwarding.requestIdField : null, forwarding.traceparent, random),
    origins: new OriginMemory(),
    skipUntrusted: fieldMask([...rewritten, ...claims, ...others, FieldId.requestId]),
    skipTrusted: fieldMask([...rewritten, FieldId.forwarded, FieldId.forwardedFor, FieldId.requestId]),
  };
}

/** Where requests without a route are counted. */
export const unroutedSlot = slotNone;
