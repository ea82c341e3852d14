/** Routes: one action each, upstreams that exist, names used once, prefixes that fit, and no route behind a wider one. */
import { messages } from "./messages.ts";
import { nearest } from "./nearest.ts";
import type { PathPattern } from "./patterns.ts";
import type { Path, Places, Problem } from "./places.ts";
import { type Raw, rawMap } from "./raw.ts";
import { routeMatch } from "./routes.ts";
import type { Parsed, ParsedRoute } from "./schema.ts";

type Match = ParsedRoute["match"];

/** A route as far as it can be read; `match` is null where it is wrong. */
interface Entry {
  readonly path: Path;
  readonly raw: Raw;
  readonly match: Match | null;
}

export function routeProblems(source: Raw, parsed: Parsed | null, places: Places): Problem[] {
  const list: unknown = source["routes"];
  if (!Array.isArray(list)) return [];
  const upstreams = Object.keys(rawMap(source["upstreams"]));
  const entries = list.flatMap((route: unknown, index): Entry[] => {
    if (typeof route !== "object" || route === null || Array.isArray(route)) return [];
    const raw = rawMap(route);
    const match = parsed === null ? (routeMatch.safeParse(raw["match"]).data ?? null) : parsed.routes[index]!.match;
    return [{ path: ["routes", index], raw, match }];
  });
  const known = new Set(upstreams);
  return [
    ...entries.flatMap((entry) => actionProblems(entry, upstreams, known, places)),
    ...entries.flatMap((entry) => rewriteProblems(entry, places)),
    ...nameProblems(entries, places),
    ...methodProblems(entries, places),
    ...unreachableProblems(entries, places),
  ];
}

const actionKeys = ["upstream", "respond", "redirect"] as const;

function actionProblems(
  { path, raw }: Entry,
  upstreams: readonly string[],
  known: ReadonlySet<string>,
  places: Places,
): Problem[] {
  const problems: Problem[] = [];
  const actions = actionKeys.filter((action) => Object.hasOwn(raw, action));
  if (actions.length !== 1) {
    const message = actions.length === 0 ? messages.noAction : messages.exactlyOneAction;
    problems.push(places.problemAt(path, "config.route-action", message, null, { found: actions.join(", ") }));
  }
  const name = raw["upstream"];
  if (typeof name === "string" && !known.has(name)) {
    const guess = nearest(name, upstreams);
    const values = { name, guess: guess ?? "", names: upstreams.slice(0, 20).join(", ") };
    const others = upstreams.length > 0 ? messages.knownUpstreams : messages.noUpstreams;
    const hint = guess !== null ? messages.didYouMean : others;
    const at = [...path, "upstream"];
    problems.push(places.problemAt(at, "config.unknown-upstream", messages.unknownUpstream, hint, values));
  }
  return problems;
}

function rewriteProblems({ path, raw, match }: Entry, places: Places): Problem[] {
  const prefix = rawMap(rawMap(raw["rewrite"])["path"])["prefix"];
  if (match === null || typeof prefix !== "string" || beginsWith(match.path, prefix)) return [];
  const at = [...path, "rewrite", "path", "prefix"];
  const values = { path: match.path.text, prefix };
  return [places.problemAt(at, "config.rewrite-prefix", messages.rewritePrefix, messages.rewritePrefixHint, values)];
}

function beginsWith(pattern: PathPattern, prefix: string): boolean {
  const wanted = prefix.split("/").filter((segment) => segment !== "");
  const own = pattern.text.split("/").filter((segment) => segment !== "" && segment !== "*");
  return wanted.every((segment, index) => own[index] === segment);
}

function nameProblems(entries: readonly Entry[], places: Places): Problem[] {
  const first = new Map<string, Path>();
  return entries.flatMap(({ path, raw }) => {
    const { name } = raw;
    if (typeof name !== "string") return [];
    const earlier = first.get(name);
    const at = [...path, "name"];
    if (earlier === undefined) {
      first.set(name, at);
      return [];
    }
    const values = { name, line: places.lineOf(earlier) };
    return [places.problemAt(at, "config.duplicate-name", messages.duplicateName, messages.duplicateNameHint, values)];
  });
}

/** The router keeps a bit for each method. */
const otherMethodsMax = 21;
const knownMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];

function methodProblems(entries: readonly Entry[], places: Places): Problem[] {
  const others = new Set<string>();
  for (const { path, match } of entries) {
    for (const method of match?.methods ?? []) if (!knownMethods.includes(method)) others.add(method);
    if (others.size <= otherMethodsMax) continue;
    const at = [...path, "match", "methods"];
    return [places.problemAt(at, "config.too-many-methods", messages.tooManyMethods, null, { max: otherMethodsMax })];
  }
  return [];
}

/** A route is unreachable behind routes that have its path for each of its hosts and take all its methods and fields. */
function unreachableProblems(entries: readonly Entry[], places: Places): Problem[] {
  const earlier = new Map<string, { path: Path; match: Match }[]>();
  return entries.flatMap(({ path, match }) => {
    if (match === null) return [];
    const hosts = match.hosts.length === 0 ? [""] : match.hosts;
    const keys = hosts.map((host) => `${host} ${shapeOf(match.path)}`);
    const coverers = keys.map((key) => earlier.get(key)?.find((other) => covers(other.match, match)));
    for (const key of keys) {
      const list = earlier.get(key) ?? [];
      list.push({ path, match });
      earlier.set(key, list);
    }
    const [coverer] = coverers;
    if (coverer === undefined || coverers.includes(undefined)) return [];
    const values = { line: places.lineOf(coverer.path) };
    const { unreachableRoute, unreachableRouteHint } = messages;
    return [places.problemAt(path, "config.unreachable-route", unreachableRoute, unreachableRouteHint, values)];
  });
}

/** Paths of the same shape match the same requests, whatever their parameters are called. */
function shapeOf(path: PathPattern): string {
  const segments = path.segments.map((segment) => (segment.kind === "literal" ? segment.bytes.join(",") : ":"));
  return `${segments.join("/")}${path.isPrefix ? "/*" : ""}`;
}

function covers(wide: Match, narrow: Match): boolean {
  const areMethodsCovered =
    wide.methods.length === 0 ||
    (narrow.methods.length > 0 && narrow.methods.every((method) => wide.methods.includes(method)));
  return areMethodsCovered && wide.fields.every((field) => narrow.fields.some((other) => Bun.deepEquals(field, other)));
}
