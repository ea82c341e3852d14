/** Names that routes use of limits, identities and fallbacks, and what may stand in for whom. */
import { messages } from "./messages.ts";
import { nearest } from "./nearest.ts";
import type { Path, Places, Problem } from "./places.ts";
import { entriesOf, type Raw, rawMap } from "./raw.ts";

export function resilienceProblems(source: Raw, places: Places): Problem[] {
  const routes: unknown = source["routes"];
  if (!Array.isArray(routes)) return [];
  const limits = Object.keys(rawMap(source["rateLimits"]));
  const upstreams = Object.keys(rawMap(source["upstreams"]));
  const proofs = entriesOf(source["identity"]).flatMap(([, kinds]) => Object.keys(rawMap(kinds)));
  return routes.flatMap((value: unknown, index): Problem[] => {
    const route = rawMap(value);
    const path: Path = ["routes", index];
    return [
      ...unknownNames(route["rateLimits"], "rateLimits", limits, [...path, "rateLimits"], places),
      ...unknownNames(rawMap(route["identity"])["accept"], "identity", proofs, [...path, "identity", "accept"], places),
      ...fallbackProblems(route, upstreams, path, places),
    ];
  });
}

function unknownNames(value: unknown, kind: string, known: readonly string[], path: Path, places: Places): Problem[] {
  const names = Array.isArray(value) ? value : [value];
  return names.flatMap((name, index): Problem[] => {
    if (typeof name !== "string" || known.includes(name)) return [];
    const guess = nearest(name, known);
    const hint = guess === null ? null : messages.didYouMean;
    const at = Array.isArray(value) ? [...path, index] : path;
    const values = { name, kind, guess: guess ?? "" };
    return [places.problemAt(at, "config.unknown-name", messages.unknownName, hint, values)];
  });
}

const kinds = ["respond", "lastGood", "upstream"] as const;

function fallbackProblems(route: Raw, upstreams: readonly string[], path: Path, places: Places): Problem[] {
  if (!Object.hasOwn(route, "fallback")) return [];
  const fallback = rawMap(route["fallback"]);
  const at = [...path, "fallback"];
  const given = kinds.filter((kind) => Object.hasOwn(fallback, kind));
  const lane = route["lane"] ?? "query";
  const problems: Problem[] = [];
  if (given.length !== 1) {
    problems.push(places.problemAt(at, "config.fallback", messages.oneFallback, null, { found: given.join(", ") }));
  }
  if (
    (lane === "order" || lane === "cancel" || Object.hasOwn(route, "laneField")) &&
    given.some((kind) => kind !== "upstream")
  ) {
    problems.push(places.problemAt(at, "config.fallback-lane", messages.fallbackLane, null, { lane: String(lane) }));
  }
  return [
    ...problems,
    ...unknownNames(fallback["upstream"] ?? [], "upstreams", upstreams, [...at, "upstream"], places),
  ];
}
