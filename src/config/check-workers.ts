/** Workers that listeners have for themselves, and lanes that nobody lets in. */
import { laneWords } from "./lanes.ts";
import { messages } from "./messages.ts";
import type { Places, Problem } from "./places.ts";
import { entriesOf, type Raw, rawMap } from "./raw.ts";

export function workerProblems(source: Raw, places: Places): Problem[] {
  return [...countProblems(source, places), ...laneProblems(source, places)];
}

/** Written numbers must add up; `auto` always does. */
function countProblems(source: Raw, places: Places): Problem[] {
  const { workers } = source;
  const listeners = entriesOf(source["listeners"]).map(([name, value]) => ({ name, own: rawMap(value)["workers"] }));
  const own = listeners.reduce((sum, listener) => sum + (typeof listener.own === "number" ? listener.own : 0), 0);
  if (typeof workers !== "number" || own === 0) return [];
  const others = listeners.filter((listener) => typeof listener.own !== "number").map(({ name }) => name);
  const least = others.length > 0 ? own + 1 : own;
  const values = { workers, own, least, others: others.join(", ") };
  if (workers < least) {
    const message = others.length > 0 ? messages.workersTaken : messages.workersTooFew;
    return [places.problemAt(["workers"], "config.workers", message, messages.workersHint, values)];
  }
  if (others.length > 0 || workers === own) return [];
  return [places.problemAt(["workers"], "config.workers", messages.workersIdle, messages.workersHint, values)];
}

/** A route to an upstream whose lane no listener lets in would never be used. */
function laneProblems(source: Raw, places: Places): Problem[] {
  const listeners = entriesOf(source["listeners"]).map(([, value]) => lanesIn(rawMap(value)["lanes"]));
  const routes: unknown = source["routes"];
  if (listeners.length === 0 || !Array.isArray(routes)) return [];
  return routes.flatMap((value: unknown, index): Problem[] => {
    const route = rawMap(value);
    const lane = typeof route["lane"] === "string" ? route["lane"] : "query";
    const isChosenByRequest =
      Object.hasOwn(route, "laneField") || Object.hasOwn(rawMap(route["identity"]), "laneClaim");
    const isUsable =
      isChosenByRequest || !Object.hasOwn(route, "upstream") || listeners.some((one) => one.includes(lane));
    if (isUsable || !(laneWords as readonly string[]).includes(lane)) return [];
    const at = ["routes", index, ...(Object.hasOwn(route, "lane") ? ["lane"] : [])];
    return [places.problemAt(at, "config.lane-shut-out", messages.laneShutOut, messages.laneShutOutHint, { lane })];
  });
}

function lanesIn(value: unknown): readonly unknown[] {
  const lanes = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return lanes.length === 0 ? laneWords : lanes;
}
