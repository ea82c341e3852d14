/** What protects the order path: breakers, adaptive admission, health checks, rate limits, fallbacks, retry budgets. */
import {
  choice,
  count,
  duration,
  flag,
  leaf,
  listOf,
  offOr,
  optionalSection,
  orNull,
  ratio,
  section,
  show,
  text,
  wrongType,
} from "./leaf.ts";
import { messages } from "./messages.ts";
import { fieldMap, fieldNameOf, name, named } from "./names.ts";

const statusOf = (why: string): ReturnType<typeof count> => count({ min: 100, max: 599, why });

export const breaker = offOr(
  section({
    scope: choice(["upstream", "route"], {
      default: "upstream",
      why: "One breaker for the whole upstream, or one for each route to it. Never one for each path: `/orders/1` and `/orders/2` must add up.",
    }),
    window: duration({
      default: "10s",
      min: "1s",
      max: "10m",
      why: "Calls of this long ago still count. Ten seconds tell a failing upstream from a hiccup.",
    }),
    callsMin: count({
      default: 20,
      min: 1,
      max: 1_000_000,
      why: "Fewer calls in the window prove nothing, except connect failures in a row.",
    }),
    failureRatio: ratio({ default: 0.5, min: 0.01, why: "Share of failed calls that opens it." }),
    slowRatio: ratio({ default: 0.8, min: 0.01, why: "Share of slow calls that opens it." }),
    slow: duration({
      default: "1s",
      min: "1ms",
      max: "10m",
      why: "No call faster than this is slow. Above it a call is slow that takes longer than slowFactor times the usual 95th percentile.",
    }),
    slowFactor: count({
      default: 4,
      min: 1,
      max: 100,
      off: true,
      why: "Multiple of the usual 95th percentile that makes a call slow. `off`: the time above alone.",
    }),
    statuses: listOf(statusOf("A status."), {
      default: [502, 503, 504],
      max: 64,
      why: "Statuses that count as failures. 500 is not among them: it is mostly one request's fault, not the upstream's.",
    }),
    connectFailures: count({
      default: 5,
      min: 1,
      max: 1000,
      why: "Connect failures in a row that open it, at any rate of requests. The five of the article.",
    }),
    open: duration({
      default: "1s",
      min: "10ms",
      max: "10m",
      why: "How long it stays open the first time; each opening in a row lasts twice as long.",
    }),
    openMax: duration({
      default: "60s",
      min: "10ms",
      max: "1h",
      why: "The longest it stays open. A health check that succeeds ends it sooner.",
    }),
    jitterRatio: ratio({
      default: 0.2,
      max: 0.9,
      why: "Open times are spread by this share, so that gateways do not probe in step.",
    }),
    probes: count({
      default: 3,
      min: 1,
      max: 100,
      why: "Requests let through to try the upstream; all others are refused at once.",
    }),
    probeTimeout: duration({
      default: "5s",
      min: "100ms",
      max: "10m",
      why: "Probes that are not answered by then count as failed: longer than the upstream's slowest sound answer. It is also how long recovery waits for probes of a worker that was killed.",
    }),
    rampStep: duration({
      default: "500ms",
      min: "10ms",
      max: "1m",
      why: "After good probes 10, 25, 50 and 100 % are let through, each for this long.",
    }),
  }),
  {
    default: {},
    why: "Stops calling an upstream that fails, so that it can recover and callers get an answer at once.",
  },
);

export const admission = offOr(
  section({
    policy: choice(["weir", "gradient2", "aimd", "codel", "article", "fixed"], {
      default: "weir",
      why: "How the number in flight is found: docs/resilience.md compares them. `weir` won.",
    }),
    initial: count({
      default: 20,
      min: 1,
      max: 100_000,
      why: "In flight at the start, per worker; for `fixed` and `codel` always.",
    }),
    min: count({ default: 4, min: 1, max: 100_000, why: "Never fewer in flight, per worker." }),
    max: count({ default: 1000, min: 1, max: 100_000, why: "Never more in flight, per worker." }),
    target: duration({
      default: "15ms",
      min: "1ms",
      max: "1m",
      why: "The P95 that `article` and `aimd` steer by, and within which lanes that wait no longer (market data, queries) leave an answer twice its usual time. The 15 ms of the article.",
    }),
    articleRate: count({
      default: 10_000,
      min: 1,
      max: 10_000_000,
      why: "Requests per second at which `article` begins, per worker.",
    }),
  }),
  {
    default: "off",
    why: "Limits the requests in flight to what the upstream can work on, by how long its answers take. The rest waits in the lanes or is refused. Off unless asked for, because thousands of clients that each wait for their own answer are better served by waiting.",
  },
);

const check = offOr(
  section({
    kind: choice(["http", "tcp"], { default: "http", why: "`http` sends a request, `tcp` only connects." }),
    path: text({ type: "path" }, { default: "/health", why: "The path of the request." }, (input) =>
      /^\/[!-~]{0,1024}$/.test(input)
        ? { value: input }
        : { problem: messages.pathWrong, hint: null, values: { found: show(input), reason: "it begins with /" } },
    ),
    statuses: listOf(statusOf("A status."), { default: [200, 204], max: 64, why: "Statuses of a healthy endpoint." }),
    interval: duration({
      default: "1s",
      min: "50ms",
      max: "1h",
      why: "Time between checks of one endpoint, by one worker for all.",
    }),
    fastInterval: duration({
      default: "250ms",
      min: "50ms",
      max: "1h",
      why: "The same while results and state disagree.",
    }),
    timeout: duration({ default: "1s", min: "10ms", max: "1m", why: "A check that takes longer has failed." }),
    jitterRatio: ratio({ default: 0.1, max: 0.5, why: "Spread of the interval." }),
    rise: count({ default: 2, min: 1, max: 100, why: "Passed checks in a row that bring an endpoint up." }),
    fall: count({ default: 3, min: 1, max: 100, why: "Failed checks in a row that bring it down." }),
  }),
  { default: "off", why: "Active checks. Their success also ends a breaker's open time." },
);

const ejection = offOr(
  section({
    failuresInRow: count({
      default: 5,
      min: 1,
      max: 10_000,
      off: true,
      why: "Failed calls in a row that eject an endpoint.",
    }),
    failureRatio: ratio({ default: 0.85, why: "Failed share of the calls that ejects; 0 never does." }),
    callsMin: count({ default: 20, min: 1, max: 1_000_000, why: "Calls in the window before their share counts." }),
    window: duration({ default: "10s", min: "1s", max: "10m", why: "Over how long the share is taken." }),
    time: duration({
      default: "10s",
      min: "100ms",
      max: "1h",
      why: "How long the first ejection lasts; each further one that much longer.",
    }),
    timeMax: duration({ default: "5m", min: "100ms", max: "1d", why: "The longest an ejection lasts." }),
  }),
  { default: {}, why: "Takes out endpoints whose live calls fail, never so many that fewer than half are left." },
);

export const upstreamHealth = optionalSection(
  {
    check,
    ejection,
    slowStart: duration({
      default: "10s",
      min: "100ms",
      max: "1h",
      off: true,
      why: "An endpoint that comes back gets a tenth of its traffic at first, all of it after this.",
    }),
  },
  "How the endpoints' health is seen.",
);

export const retryBudget = optionalSection(
  {
    ratio: ratio({ default: 0.2, why: "Retries per request at most, so that retries do not become the load." }),
    perSecond: count({
      default: 3,
      min: 0,
      max: 10_000,
      why: "Retries per second and worker that are allowed however few requests there are.",
    }),
  },
  "How many requests may be sent again, over all.",
);

/** `100/s`, `6000/m`, `1/10s`. */
const rate = leaf<{ count: number; periodMs: number }>(
  { type: "rate, as `1000/s`", range: "1/h to 10000000/s" },
  { type: "string", pattern: "^\\d+/\\d*(?:ms|s|m|h)$" },
  { why: "Requests per time: `1000/s`, `600/m`, `5/10s`." },
  (input) => {
    const match = typeof input === "string" ? /^(\d{1,10})\/(\d{0,6})(ms|s|m|h)$/.exec(input) : null;
    if (match === null) return wrongType("a rate such as 1000/s", input);
    const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[3] as "ms" | "s" | "m" | "h"];
    const value = { count: Number(match[1]), periodMs: Number(match[2] === "" ? 1 : match[2]) * unitMs };
    if (value.count >= 1 && value.periodMs >= 1 && (value.count / value.periodMs) * 1000 <= 10_000_000)
      return { value };
    return {
      problem: messages.range,
      hint: messages.rangeHint,
      values: { found: show(input), min: "1/h", max: "10000000/s" },
    };
  },
);

/** What a rate limit tells apart. */
export type LimitBy =
  | { readonly kind: "all" }
  | { readonly kind: "client" }
  | { readonly kind: "identity" }
  | { readonly kind: "field"; readonly field: string };

const limitBy = leaf<LimitBy>(
  { type: "`all`, `client`, `identity` or `{ field: NAME }`" },
  {
    anyOf: [
      { enum: ["all", "client", "identity"] },
      { type: "object", properties: { field: { type: "string" } }, required: ["field"], additionalProperties: false },
    ],
  },
  {
    default: "all",
    why: "Whose requests are counted together: all, one client address, one identity, or one value of a field. Requests without it are counted by address.",
  },
  (input) => {
    if (input === "all" || input === "client" || input === "identity") return { value: { kind: input } };
    const field = typeof input === "object" && input !== null ? (input as { field?: unknown }).field : undefined;
    if (typeof field !== "string" || Object.keys(input as object).length !== 1) {
      return {
        problem: messages.oneOf,
        hint: null,
        values: { choices: "all, client, identity, { field: NAME }", found: show(input) },
      };
    }
    const parsed = fieldNameOf(field);
    return "value" in parsed ? { value: { kind: "field", field: parsed.value } } : parsed;
  },
);

export const rateLimits = named(
  section({
    rate,
    burst: count({ default: 100, min: 1, max: 100_000_000, why: "Requests that may come at once after a pause." }),
    by: limitBy,
    keysMax: count({
      default: 8192,
      min: 8,
      max: 1_000_000,
      why: "Keys that can use their limit at the same time; 8 bytes each. Beyond it the one that has spent least is forgotten.",
    }),
    fields: flag({
      default: "on",
      why: "Whether answers carry `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).",
    }),
  }),
  { default: {}, why: "Limits that routes name, exact over all workers." },
);

export const routeRateLimits = listOf(name({ why: "A name of `rateLimits`." }), {
  default: [],
  max: 8,
  why: "Limits that all of this route's requests must pass, by name. Routes that name the same limit share it.",
});

export const fallback = orNull(
  section({
    respond: orNull(
      section({
        status: count({ default: 200, min: 200, max: 599, why: "The status." }),
        fields: fieldMap("Fields of the answer."),
        body: text({ type: "text" }, { default: "", why: "The body." }, (input) => ({ value: input })),
      }),
      "A fixed answer.",
    ),
    lastGood: orNull(
      section({
        ageMax: duration({ default: "60s", min: "100ms", max: "1d", why: "Older answers are not given." }),
        entriesMax: count({
          default: 1000,
          min: 1,
          max: 1_000_000,
          why: "Answers kept by each worker, at most 64 KiB each; the oldest go first.",
        }),
      }),
      "The last good answer to the same GET, with its `Age`.",
    ),
    upstream: orNull(name({ why: "A name." }), "Another upstream, tried instead."),
  }),
  "What is answered while the breaker is open, exactly one of these. Left out: 503 with `Retry-After`. In the lanes order and cancel only another upstream is allowed: an order is never answered from a fallback body.",
);
