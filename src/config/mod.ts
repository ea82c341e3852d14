/**
 * The configuration: one schema, from which come the checks, the defaults, the reference and the editor's JSON Schema.
 *
 *     text --yaml--> tree --schema.ts--> Parsed --checks.ts--> no problem --normalise.ts--> Config
 *
 * To add a section `breaker`:
 *   1. write `breaker.ts` with the blocks of `leaf.ts` and `names.ts`; every setting says `why` its default is what it is;
 *   2. add one line to `sections` in `schema.ts` (or to the section of listeners, upstreams or routes that it belongs to);
 *      `Parsed` and `Config` then have it, with units in the keys;
 *   3. what must hold between sections goes into `checks.ts`, what is filled in from elsewhere into `normalise.ts`;
 *   4. run `bun docs/generate.ts`, which writes `docs/configuration.md` and `docs/weir.schema.json` anew.
 */
export {
  type Address,
  formatAddress,
  type ListenAddress,
  type Network,
  parseAddress,
  parseNetwork,
} from "./address.ts";
export { defaultConfig, defaultConfigText, defaultFileName, exampleUpstreamAddress } from "./default.ts";
export { parseDocumentWith } from "./document.ts";
export type { KeySource } from "./identity.ts";
export {
  choice,
  count,
  durationOverride,
  flag,
  type LeafProblem,
  listOf,
  orNull,
  section,
  show,
  text,
} from "./leaf.ts";
export { type LoadResult, loadConfig, parseConfig } from "./load.ts";
export { named } from "./names.ts";
export type { Config, FieldChanges, ListenerConfig, RouteAction, RouteConfig, UpstreamConfig } from "./normalise.ts";
export type { LogTarget } from "./observability.ts";
export { type PathPattern, type PathSegment, parsePathPattern } from "./patterns.ts";
export { type Problem, sayProblem } from "./places.ts";
export { type ResourcePlan, resourcePlan } from "./plan.ts";
export { type WorkerRange, workersOf } from "./process.ts";
export { configurationReference, jsonSchema } from "./reference.ts";
export { type Colours, problemsAsJson, renderProblems, terminalColours } from "./render.ts";
export { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from "./units.ts";
export type { Endpoint, HashOn } from "./upstreams.ts";
