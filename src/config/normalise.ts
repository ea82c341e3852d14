/**
 * From what the file says to what the gateway uses: names given, overrides resolved, counts of this machine filled in.
 * The result is a plain tree that survives JSON, because workers receive it over a pipe.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Secret } from "../base/mod.ts";
import { formatAddress, type ListenAddress } from "./address.ts";
import type { PathPattern } from "./patterns.ts";
import { workersCount } from "./process.ts";
import type { Parsed, ParsedListener, ParsedRoute, ParsedUpstream } from "./schema.ts";
import { certificateNames, digestOf } from "./tls-files.ts";

export type ListenerConfig = Omit<ParsedListener, "tls"> & { readonly tls: ListenerTlsConfig | null };
export type UpstreamConfig = Omit<ParsedUpstream, "tls"> & { readonly tls: UpstreamTlsConfig | null };

/** The names of a certificate are filled in; the digest is of the files, so that a new file is a new configuration. */
export type ListenerTlsConfig = NonNullable<ParsedListener["tls"]> & { readonly filesDigest: string };
export type UpstreamTlsConfig = NonNullable<ParsedUpstream["tls"]> & { readonly filesDigest: string };

/** What a route does with a request. */
export type RouteAction =
  | { readonly kind: "upstream"; readonly upstream: string }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly fields: readonly [string, string][];
      readonly body: string;
    }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string };

export interface RouteConfig {
  readonly name: string;
  readonly match: {
    /** Lower case; empty for every host. */
    readonly hosts: readonly string[];
    readonly path: PathPattern;
    /** Empty for every method. */
    readonly methods: readonly string[];
    /** Names in lower case; `value` null means any value. */
    readonly fields: readonly { readonly name: string; readonly value: string | null; readonly present: boolean }[];
  };
  readonly action: RouteAction;
  readonly rewrite: {
    /** The first `prefixSegments` segments of the raw path become `replacement` (which never ends in a slash). */
    readonly path: { readonly prefixSegments: number; readonly replacement: string } | null;
    readonly request: FieldChanges;
    readonly response: FieldChanges;
  };
  /** 0 stands for none. */
  readonly timeouts: { readonly requestMs: number; readonly firstByteMs: number; readonly idleMs: number };
  /** 0 stands for none. */
  readonly limits: { readonly bodyBytesMax: number };
  readonly rateLimits: readonly string[];
  readonly lane: ParsedRoute["lane"];
  readonly laneField: string | null;
  readonly identity: ParsedRoute["identity"];
  readonly fallback: ParsedRoute["fallback"];
  readonly retry: ParsedRoute["retry"];
  readonly pipelining: boolean;
}

/** Names in lower case. Removed first, then set, then added. */
export interface FieldChanges {
  readonly set: readonly (readonly [string, string])[];
  readonly add: readonly (readonly [string, string])[];
  readonly remove: readonly string[];
}

/** The configuration as the gateway uses it. Durations end in Ms (0 for none), sizes in Bytes. */
export interface Config extends Omit<Parsed, "workers" | "listeners" | "upstreams" | "routes" | "admin"> {
  readonly workers: number;
  readonly listeners: readonly ListenerConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly routes: readonly RouteConfig[];
  readonly admin: { readonly address: ListenAddress; readonly token: Secret | null } | null;
}

export function normalise(parsed: Parsed): Config {
  const upstreams = new Map(parsed.upstreams.map((upstream) => [upstream.name, upstream]));
  const names = routeNames(parsed.routes);
  return {
    ...parsed,
    workers: workersCount(parsed.workers, parsed.listeners),
    listeners: parsed.listeners.map((listener) => ({ ...listener, tls: listenerTls(listener.tls) })),
    limits: normaliseLimits(parsed.limits),
    upstreams: parsed.upstreams.map(normaliseUpstream),
    routes: parsed.routes.map((route, index) => normaliseRoute(route, names[index]!, parsed, upstreams)),
    admin:
      parsed.admin === null
        ? null
        : { ...parsed.admin, address: parsed.admin.address ?? adminAddress(parsed.listeners) },
  };
}

/** Defaults give way to what the file says. */
function normaliseLimits(limits: Parsed["limits"]): Parsed["limits"] {
  const { headBytesMax, targetBytesMax, http2 } = limits;
  return {
    ...limits,
    targetBytesMax: Math.min(targetBytesMax, headBytesMax),
    http2: { ...http2, fieldBlockBytesMax: Math.max(http2.fieldBlockBytesMax, headBytesMax) },
  };
}

/** A default gives way to what the file says. */
function normaliseUpstream(upstream: ParsedUpstream): UpstreamConfig {
  const { connections } = upstream;
  const maxIdlePerEndpoint = Math.min(connections.maxIdlePerEndpoint, connections.maxPerEndpoint);
  return { ...upstream, connections: { ...connections, maxIdlePerEndpoint }, tls: upstreamTls(upstream.tls) };
}

function normaliseRoute(
  route: ParsedRoute,
  name: string,
  parsed: Parsed,
  upstreams: ReadonlyMap<string, ParsedUpstream>,
): RouteConfig {
  const upstream = route.upstream === null ? undefined : upstreams.get(route.upstream);
  return {
    name,
    match: route.match,
    action: actionOf(route),
    rewrite: { ...route.rewrite, path: route.rewrite.path === null ? null : pathRewrite(route.rewrite.path) },
    timeouts: {
      requestMs: route.timeouts.requestMs ?? parsed.timeouts.requestMs,
      firstByteMs: route.timeouts.firstByteMs ?? upstream?.timeouts.firstByteMs ?? 0,
      idleMs: route.timeouts.idleMs ?? upstream?.timeouts.idleMs ?? 0,
    },
    limits: { bodyBytesMax: route.limits.bodyBytesMax ?? parsed.limits.bodyBytesMax },
    rateLimits: route.rateLimits,
    lane: route.lane,
    laneField: route.laneField,
    identity: route.identity,
    fallback: route.fallback,
    retry: route.retry,
    pipelining: route.pipelining,
  };
}

/** The checks have made sure that there is exactly one. */
function actionOf(route: ParsedRoute): RouteAction {
  if (route.respond !== null) return { kind: "respond", ...route.respond };
  if (route.redirect !== null) return { kind: "redirect", ...route.redirect };
  return { kind: "upstream", upstream: route.upstream ?? "" };
}

function pathRewrite(path: { prefix: string; replacement: string }): { prefixSegments: number; replacement: string } {
  const segments = path.prefix.split("/").filter((segment) => segment !== "");
  return { prefixSegments: segments.length, replacement: path.replacement.replace(/\/+$/, "") };
}

/** Names from the file where given, else made from the match; the second of a kind gets `#2`. */
export function routeNames(routes: readonly { name: string | null; match: ParsedRoute["match"] }[]): string[] {
  const taken = new Set(routes.flatMap((route) => (route.name === null ? [] : [route.name])));
  return routes.map((route) => {
    if (route.name !== null) return route.name;
    const { methods, hosts, path } = route.match;
    const base = `${methods.length === 0 ? "" : `${methods.join(",")} `}${hosts[0] ?? ""}${path.text}`.slice(0, 120);
    let unique = base;
    for (let number = 2; taken.has(unique); number++) unique = `${base}#${number}`;
    taken.add(unique);
    return unique;
  });
}

/** One socket per first listener, so that gateways beside each other never share one. */
function adminAddress(listeners: readonly ParsedListener[]): ListenAddress {
  const user = process.getuid?.() ?? 0;
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const folder = runtime === undefined || runtime === "" ? join(tmpdir(), `weir-${user}`) : join(runtime, "weir");
  const first = listeners[0];
  const slug = first === undefined ? "none" : formatAddress(first.address).replace(/[^A-Za-z0-9.-]+/g, "_");
  return { kind: "unix", path: join(folder, `admin-${slug.slice(-40)}.sock`) };
}

function listenerTls(tls: ParsedListener["tls"]): ListenerTlsConfig | null {
  if (tls === null) return null;
  const { clientCertificates } = tls;
  const files = tls.certificates.flatMap(({ certificate, key, ocsp }) => [certificate, key, ocsp]);
  return {
    ...tls,
    certificates: tls.certificates.map((one) => ({ ...one, names: [...certificateNames(one)] })),
    filesDigest: digestOf([...files, clientCertificates?.authorities ?? null]),
  };
}

function upstreamTls(tls: ParsedUpstream["tls"]): UpstreamTlsConfig | null {
  if (tls === null) return null;
  const own = tls.clientCertificate;
  return { ...tls, filesDigest: digestOf([tls.authorities, own?.certificate ?? null, own?.key ?? null]) };
}
