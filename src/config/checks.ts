/**
 * What no single section can see: names that must exist, names and addresses that must not repeat, routes that nothing
 * reaches. It runs also when other parts are wrong, on every entry that could be read, so that all problems come at once.
 */
import { formatAddress } from "./address.ts";
import { admin as adminSchema } from "./admin.ts";
import { messages } from "./messages.ts";
import { nearest } from "./nearest.ts";
import { metrics as metricsSchema } from "./observability.ts";
import type { PathPattern } from "./patterns.ts";
import type { Path, Places, Problem } from "./places.ts";
import { type Parsed, type ParsedListener, type ParsedRoute, type ParsedUpstream, sections } from "./schema.ts";

/** An entry that could be read, and where it stands. */
interface Entry<T> {
  readonly path: Path;
  readonly value: T;
}

interface Tree {
  readonly listeners: readonly Entry<ParsedListener>[];
  readonly upstreams: readonly Entry<ParsedUpstream>[];
  readonly upstreamNames: readonly string[];
  readonly routes: readonly Entry<ParsedRoute>[];
  readonly metrics: Parsed["metrics"];
  readonly admin: Parsed["admin"];
}

/** @param parsed null when the schema already found problems */
export function crossCheck(raw: unknown, parsed: Parsed | null, places: Places): Problem[] {
  const tree = treeOf(raw, parsed);
  return [
    ...addressProblems(tree, places),
    ...adminProblems(tree, places),
    ...tree.upstreams.flatMap((entry) => upstreamProblems(entry, places)),
    ...tree.routes.flatMap((entry) => routeProblems(entry, tree, places)),
    ...nameProblems(tree, places),
    ...unreachableProblems(tree, places),
  ];
}

function treeOf(raw: unknown, parsed: Parsed | null): Tree {
  const source = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  const map = (value: unknown): Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const namedEntries = <T extends { name: string }>(key: "listeners" | "upstreams"): Entry<T>[] => {
    const whole = parsed?.[key] as unknown as T[] | undefined;
    if (whole !== undefined) return whole.map((value) => ({ path: [key, value.name], value }));
    return Object.entries(map(source[key])).flatMap(([name, value]) => {
      const result = sections[key].safeParse({ [name]: value });
      return result.success ? [{ path: [key, name], value: result.data[0] as unknown as T }] : [];
    });
  };
  return {
    listeners: namedEntries<ParsedListener>("listeners"),
    upstreams: namedEntries<ParsedUpstream>("upstreams"),
    upstreamNames: parsed?.upstreams.map((upstream) => upstream.name) ?? Object.keys(map(source["upstreams"])),
    routes: routeEntries(source["routes"], parsed),
    metrics: parsed === null ? (metricsSchema.safeParse(source["metrics"]).data ?? null) : parsed.metrics,
    admin: parsed === null ? (adminSchema.safeParse(source["admin"]).data ?? null) : parsed.admin,
  };
}

function routeEntries(raw: unknown, parsed: Parsed | null): Entry<ParsedRoute>[] {
  if (parsed !== null) return parsed.routes.map((value, index) => ({ path: ["routes", index], value }));
  if (!Array.isArray(raw)) return [];
  return raw.flatMap((route, index) => {
    const result = sections.routes.safeParse([route]);
    return result.success ? [{ path: ["routes", index], value: result.data[0]! }] : [];
  });
}

/** Two sockets cannot listen on one address; on a wildcard address of the same port neither. */
function addressProblems(tree: Tree, places: Places): Problem[] {
  const sockets = tree.listeners.map(({ path, value }) => ({
    path: [...path, "address"] as Path,
    what: `listeners.${value.name}`,
    address: value.address,
  }));
  if (tree.metrics !== null)
    sockets.push({ path: ["metrics", "address"], what: "metrics", address: tree.metrics.address });
  const admin = tree.admin?.address;
  if (admin) sockets.push({ path: ["admin", "address"], what: "admin", address: admin });
  return sockets.flatMap((socket, index) => {
    const other = sockets.slice(0, index).find((earlier) => overlap(earlier.address, socket.address));
    if (other === undefined) return [];
    const values = { address: formatAddress(socket.address), other: other.what, line: places.lineOf(other.path) };
    return [
      places.problemAt(socket.path, "config.address-taken", messages.addressTaken, messages.addressTakenHint, values),
    ];
  });
}

function overlap(a: ParsedListener["address"], b: ParsedListener["address"]): boolean {
  if (a.kind === "unix" || b.kind === "unix") return a.kind === "unix" && b.kind === "unix" && a.path === b.path;
  if (a.port !== b.port || a.port === 0) return false;
  const isAny = (host: string): boolean => host === "0.0.0.0" || host === "::";
  return a.host === b.host || isAny(a.host) || isAny(b.host);
}

function adminProblems(tree: Tree, places: Places): Problem[] {
  const { admin } = tree;
  if (admin === null || admin.address?.kind !== "ip" || admin.token !== null) return [];
  return [
    places.problemAt(["admin", "address"], "config.token-needed", messages.tokenNeeded, messages.tokenNeededHint, {}),
  ];
}

function upstreamProblems({ path, value }: Entry<ParsedUpstream>, places: Places): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, endpoint] of value.endpoints.entries()) {
    const address = formatAddress(endpoint.address);
    if (seen.has(address)) {
      const at = [...path, "endpoints", index];
      const { duplicateEndpoint, duplicateEndpointHint } = messages;
      problems.push(
        places.problemAt(at, "config.duplicate-endpoint", duplicateEndpoint, duplicateEndpointHint, { address }),
      );
    }
    seen.add(address);
  }
  const { balance, hashOn } = value;
  if (balance === "consistent-hash" && hashOn === null) {
    problems.push(
      places.problemAt([...path, "balance"], "config.hash-on", messages.hashOnMissing, messages.hashOnHint, {}),
    );
  }
  if (balance !== "consistent-hash" && hashOn !== null) {
    problems.push(places.problemAt([...path, "hashOn"], "config.hash-on", messages.hashOnUnused, null, { balance }));
  }
  return problems;
}

function routeProblems({ path, value }: Entry<ParsedRoute>, tree: Tree, places: Places): Problem[] {
  const problems: Problem[] = [];
  const actions = (["upstream", "respond", "redirect"] as const).filter((action) => value[action] !== null);
  if (actions.length !== 1) {
    const found = actions.length === 0 ? "0" : actions.join(", ");
    problems.push(places.problemAt(path, "config.route-action", messages.exactlyOneAction, null, { found }));
  }
  if (value.upstream !== null && !tree.upstreamNames.includes(value.upstream)) {
    const guess = nearest(value.upstream, tree.upstreamNames);
    const hint =
      guess !== null
        ? messages.didYouMean
        : tree.upstreamNames.length > 0
          ? messages.knownUpstreams
          : messages.noUpstreams;
    const values = { name: value.upstream, guess: guess ?? "", names: tree.upstreamNames.slice(0, 20).join(", ") };
    problems.push(
      places.problemAt([...path, "upstream"], "config.unknown-upstream", messages.unknownUpstream, hint, values),
    );
  }
  const rewrite = value.rewrite.path;
  if (rewrite !== null && !beginsWith(value.match.path, rewrite.prefix)) {
    const at = [...path, "rewrite", "path", "prefix"];
    const values = { path: value.match.path.text, prefix: rewrite.prefix };
    problems.push(
      places.problemAt(at, "config.rewrite-prefix", messages.rewritePrefix, messages.rewritePrefixHint, values),
    );
  }
  return problems;
}

function beginsWith(pattern: PathPattern, prefix: string): boolean {
  const wanted = prefix.split("/").filter((segment) => segment !== "");
  const own = pattern.text.split("/").filter((segment) => segment !== "");
  return wanted.every((segment, index) => own[index] === segment);
}

function nameProblems(tree: Tree, places: Places): Problem[] {
  const first = new Map<string, Path>();
  return tree.routes.flatMap(({ path, value }) => {
    if (value.name === null) return [];
    const earlier = first.get(value.name);
    const at = [...path, "name"];
    if (earlier === undefined) {
      first.set(value.name, at);
      return [];
    }
    const values = { name: value.name, line: places.lineOf(earlier) };
    return [places.problemAt(at, "config.duplicate-name", messages.duplicateName, messages.duplicateNameHint, values)];
  });
}

/** A route behind one with the same path, for every host of it, that takes all methods and fields of it. */
function unreachableProblems(tree: Tree, places: Places): Problem[] {
  const earlier = new Map<string, Entry<ParsedRoute>[]>();
  return tree.routes.flatMap((entry) => {
    const { match } = entry.value;
    const hosts = match.hosts.length === 0 ? [""] : match.hosts;
    const keys = hosts.map((host) => `${host} ${shapeOf(match.path)}`);
    const coverers = keys.map((key) => (earlier.get(key) ?? []).find((other) => covers(other.value.match, match)));
    for (const key of keys) earlier.set(key, [...(earlier.get(key) ?? []), entry]);
    const [coverer] = coverers;
    if (coverer === undefined || coverers.includes(undefined)) return [];
    const values = { line: places.lineOf(coverer.path) };
    const { unreachableRoute, unreachableRouteHint } = messages;
    return [places.problemAt(entry.path, "config.unreachable-route", unreachableRoute, unreachableRouteHint, values)];
  });
}

/** Paths of the same shape match the same requests, whatever their parameters are called. */
function shapeOf(path: PathPattern): string {
  const segments = path.segments.map((segment) => (segment.kind === "literal" ? segment.bytes.join(",") : ":"));
  return `${segments.join("/")}${path.isPrefix ? "/*" : ""}`;
}

function covers(wide: ParsedRoute["match"], narrow: ParsedRoute["match"]): boolean {
  const methods =
    wide.methods.length === 0 ||
    (narrow.methods.length > 0 && narrow.methods.every((one) => wide.methods.includes(one)));
  return methods && wide.fields.every((field) => narrow.fields.some((other) => Bun.deepEquals(field, other)));
}
