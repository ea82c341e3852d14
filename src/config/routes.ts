/** Which requests go where: matching, the action, rewriting, and what a route changes of the wider settings. */

import { routeIdentity } from "./identity.ts";
import { routeLane, routeLaneField } from "./lanes.ts";
import {
  choice,
  count,
  durationOverride,
  flag,
  leaf,
  listOf,
  optionalSection,
  orNull,
  section,
  show,
  sizeOverride,
  text,
} from "./leaf.ts";
import { messages } from "./messages.ts";
import { fieldMap, fieldNameOf, fieldValueOf, name, rewritableFieldNameOf } from "./names.ts";
import { type PathPattern, parseHostPattern, parsePathPattern } from "./patterns.ts";
import { fallback, routeRateLimits } from "./resilience.ts";

const host = text({ type: "host or *.suffix" }, { why: "A host." }, (input) => {
  const value = parseHostPattern(input);
  return value === null
    ? { problem: messages.hostWrong, hint: messages.hostHint, values: { found: show(input) } }
    : { value };
});

const path = text<PathPattern>(
  { type: "path pattern" },
  {
    default: "/*",
    why: "`/a/b` matches exactly this path, `/a/*` this and everything below, `/orders/:id` any one segment. The most specific path wins: from the left, a literal segment before a parameter before `*`.",
  },
  (input) => {
    const pattern = parsePathPattern(input);
    return "reason" in pattern
      ? { problem: messages.pathWrong, hint: messages.pathHint, values: { found: show(input), reason: pattern.reason } }
      : { value: pattern };
  },
);

const method = text({ type: "method" }, { why: "A method." }, (input) => {
  if (/^[!#$%&'*+.^_`|~0-9A-Z-]{1,32}$/.test(input)) return { value: input };
  const values = { found: show(input), guess: input.toUpperCase() };
  return { problem: messages.methodWrong, hint: messages.methodHint, values };
});

const fieldMatch = section({
  name: text({ type: "field name" }, { why: "The field's name." }, fieldNameOf),
  value: orNull(
    leaf({ type: "text" }, { type: "string" }, { why: "A value." }, fieldValueOf),
    "The whole value, compared byte by byte. Left out, the field must only be there.",
  ),
  present: flag({ default: "on", why: "`off` matches requests without the field." }),
});

/** Its own export, because the checks read it where the rest of a route is wrong. */
export const routeMatch = optionalSection(
  {
    hosts: listOf(host, {
      default: [],
      max: 1000,
      why: "Hosts without port: exact, or `*.example.com`. Empty matches every host. An exact host wins over a wildcard, a longer wildcard over a shorter, any over none.",
    }),
    path,
    methods: listOf(method, { default: [], max: 32, why: "Methods. Empty matches all." }),
    fields: listOf(fieldMatch, { default: [], max: 16, why: "Request fields that must all match." }),
  },
  "Which requests. All conditions must hold; among the routes that match, host decides first, then path, then the order in the file.",
);

const status = (why: string, min: number, max: number, initial: number): ReturnType<typeof count> =>
  count({ why, min, max, default: initial });

const respond = section({
  status: status("The status.", 200, 599, 200),
  fields: fieldMap("Fields of the answer."),
  body: leaf(
    { type: "text" },
    { type: "string", maxLength: 65_536 },
    { default: "", why: "The body, at most 64 KiB." },
    (input) =>
      typeof input === "string" && input.length <= 65_536
        ? { value: input }
        : {
            problem: messages.wrongType,
            hint: null,
            values: { expected: "text of at most 65536 characters", found: show(input) },
          },
  ),
});

/** A client must not be able to choose the host it is sent to, so what it sends comes after a host or a path of ours. */
function isLocation(input: string): boolean {
  if (!("value" in fieldValueOf(input)) || input.length === 0) return false;
  return /^(?:https?:\/\/[A-Za-z0-9._:[\]-]+(?:\/[^{}]*)?|\/(?![/\\])[^{}]*)(?:\{path\})?[^{}]*$/.test(input);
}

const redirect = section({
  status: leaf(
    { type: "301, 302, 303, 307 or 308" },
    { enum: [301, 302, 303, 307, 308] },
    { default: 308, why: "308 keeps the method and may be cached." },
    (input) =>
      [301, 302, 303, 307, 308].includes(input as number)
        ? { value: input as number }
        : { problem: messages.oneOf, hint: null, values: { choices: "301, 302, 303, 307, 308", found: show(input) } },
  ),
  location: text(
    { type: "URL or path" },
    {
      why: "Where to: `https://host/path` or `/path`. `{path}` at its end, or before a query, stands for the path and query of the request.",
    },
    (input) =>
      isLocation(input)
        ? { value: input }
        : { problem: messages.locationWrong, hint: messages.locationHint, values: { found: show(input) } },
  ),
});

const prefix = text({ type: "path" }, { why: "A path without `*` or parameters." }, (input) => {
  const pattern = parsePathPattern(input);
  const reason = "reason" in pattern ? pattern.reason : "only a plain path can stand here";
  const isPlain =
    !("reason" in pattern) && !pattern.isPrefix && pattern.segments.every((part) => part.kind === "literal");
  return isPlain
    ? { value: input }
    : { problem: messages.pathWrong, hint: null, values: { found: show(input), reason } };
});

const changeFields = (whose: string): ReturnType<typeof changeFieldsOf> => changeFieldsOf(whose);
const changeFieldsOf = (whose: string) =>
  optionalSection(
    {
      set: fieldMap(`Fields of the ${whose} to replace or add.`),
      add: fieldMap(`Fields of the ${whose} to add beside those already there.`),
      remove: listOf(text({ type: "field name" }, { why: "A field's name." }, rewritableFieldNameOf), {
        default: [],
        max: 64,
        why: `Fields of the ${whose} to remove.`,
      }),
    },
    `Changes to the ${whose}'s fields: removed first, then set, then added.`,
  );

const rewrite = optionalSection(
  {
    path: orNull(
      section({
        prefix,
        replacement: prefix,
      }),
      "Replaces a beginning of the path, in whole segments: `{ prefix: /api, replacement: / }` strips it. The rest and the query are forwarded byte by byte as they came.",
    ),
    request: changeFields("request"),
    response: changeFields("answer"),
  },
  "Changes on the way.",
);

const timeouts = optionalSection(
  {
    request: durationOverride({ min: "10ms", max: "1d", off: true, why: "Instead of `timeouts.request`." }),
    firstByte: durationOverride({
      min: "1ms",
      max: "1d",
      off: true,
      why: "Instead of the upstream's `timeouts.firstByte`.",
    }),
    idle: durationOverride({ min: "1ms", max: "1d", off: true, why: "Instead of the upstream's `timeouts.idle`." }),
  },
  "Time limits of this route. Left out, the wider ones hold.",
);

const limits = optionalSection(
  { bodyMax: sizeOverride({ min: "1B", max: "1024GiB", off: true, why: "Instead of `limits.bodyMax`." }) },
  "Limits of this route. Left out, the wider ones hold.",
);

const retry = optionalSection(
  {
    attemptsMax: count({
      default: 2,
      min: 1,
      max: 5,
      why: "How often a request is sent at most, the first time included. Two heal the connection that was just closed; more only multiply load on an upstream that fails.",
    }),
    idempotency: choice(["methods", "key", "none"], {
      default: "methods",
      why: "What may be sent again after bytes have left: requests with idempotent methods (`methods`), also those with an Idempotency-Key because the upstream honours it (`key`), or nothing (`none`). A request of which nothing was sent may always be.",
    }),
  },
  "When a request is sent again.",
);

export const routes = listOf(
  section({
    name: orNull(
      name({ why: "A name." }),
      "Labels metrics and logs. Left out, it is made from the methods, hosts and path.",
    ),
    match: routeMatch,
    upstream: orNull(name({ why: "A name." }), "The action: forward to this upstream."),
    respond: orNull(respond, "The action: a fixed answer."),
    redirect: orNull(redirect, "The action: a redirect."),
    rewrite,
    timeouts,
    limits,
    rateLimits: routeRateLimits,
    lane: routeLane,
    laneField: routeLaneField,
    identity: routeIdentity,
    fallback,
    retry,
    pipelining: flag({
      default: "on",
      why: "Whether requests of this route may share a pipelined connection, when its upstream has them. Turn it off for slow answers, which would delay those behind them.",
    }),
  }),
  { default: [], max: 100_000, isPlain: true, why: "Which requests go where." },
);
