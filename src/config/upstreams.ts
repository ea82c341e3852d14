/** The services behind Weir: endpoints, connection pools, waiting queues and their time limits. */
import type { Address } from "./address.ts";
import {
  choice,
  count,
  duration,
  leaf,
  listOf,
  optionalSection,
  ratio,
  section,
  show,
  text,
  wrongType,
} from "./leaf.ts";
import { dscp, priority } from "./marking.ts";
import { messages } from "./messages.ts";
import { fieldNameOf, named, upstreamAddressOf } from "./names.ts";
import { admission, breaker, retryBudget, upstreamHealth } from "./resilience.ts";
import { upstreamTls } from "./tls.ts";

export interface Endpoint {
  readonly address: Address;
  readonly weight: number;
}

const endpoint = leaf<Endpoint>(
  { type: "address, or `{ address, weight }`" },
  {
    anyOf: [
      { type: "string" },
      {
        type: "object",
        properties: { address: { type: "string" }, weight: { type: "integer", minimum: 1, maximum: 1000 } },
        required: ["address"],
        additionalProperties: false,
      },
    ],
  },
  { why: "An address, or an address with a weight from 1 to 1000." },
  (input) => {
    const whole = typeof input === "string" ? { address: input } : input;
    if (typeof whole !== "object" || whole === null) return wrongType("an address or { address, weight }", input);
    const { address, weight = 1, ...others } = whole as { address?: unknown; weight?: unknown };
    const [key] = Object.keys(others);
    if (key !== undefined) {
      return { problem: messages.unknownKey, hint: messages.knownKeys, values: { key, keys: "address, weight" } };
    }
    if (typeof address !== "string") return wrongType("an address as text", address ?? input);
    if (typeof weight !== "number" || !Number.isInteger(weight) || weight < 1 || weight > 1000) {
      return { problem: messages.range, hint: messages.rangeHint, values: { found: show(weight), min: 1, max: 1000 } };
    }
    const parsed = upstreamAddressOf(address);
    return "value" in parsed ? { value: { address: parsed.value, weight } } : parsed;
  },
);

/** What consistent hashing hashes. */
export type HashOn =
  | { readonly kind: "client" }
  | { readonly kind: "path" }
  | { readonly kind: "field"; readonly field: string };

const hashOn = leaf<HashOn | null>(
  { type: "`client`, `path` or `{ field: NAME }`" },
  {
    anyOf: [
      { enum: ["client", "path"] },
      { type: "object", properties: { field: { type: "string" } }, required: ["field"], additionalProperties: false },
      { type: "null" },
    ],
  },
  {
    default: null,
    why: "What `consistent-hash` hashes: the client's address, the path, or a request field. Requests without the field go round robin.",
  },
  (input) => {
    if (input === null) return { value: null };
    if (input === "client" || input === "path") return { value: { kind: input } };
    const field = typeof input === "object" ? (input as { field?: unknown }).field : undefined;
    if (typeof field !== "string" || Object.keys(input as object).length !== 1) {
      const values = { choices: "client, path, { field: NAME }", found: show(input) };
      return { problem: messages.oneOf, hint: null, values };
    }
    const parsed = fieldNameOf(field);
    return "value" in parsed ? { value: { kind: "field", field: parsed.value } } : parsed;
  },
);

const connections = optionalSection(
  {
    mode: choice(["exclusive", "pipelined", "multiplexed"], {
      default: "exclusive",
      why: "`exclusive`: one request in flight per connection. `pipelined`: requests with idempotent methods share a few connections (HTTP/1.1 pipelining) and all others are sent exclusively; about a quarter cheaper per request, but one slow answer delays those behind it. `multiplexed`: HTTP/2, by ALPN over TLS and by prior knowledge in the clear; gRPC needs it.",
    }),
    maxIdlePerEndpoint: count({
      default: 2000,
      min: 0,
      max: 100_000,
      why: "Idle connections kept to each endpoint, over all workers. 2,000 is what a front of 10,000 clients keeps busy with answers of a few milliseconds; a burst after a pause then opens no new ones.",
    }),
    maxPerEndpoint: count({
      default: 10_000,
      min: 1,
      max: 1_000_000,
      why: "Connections to each endpoint, over all workers. Above it requests wait in the queue. 10,000 stays far below the 28,000 local ports Linux gives one destination.",
    }),
    openingMax: count({
      default: 100,
      min: 1,
      max: 100_000,
      why: "Connections of each worker to each endpoint that may be opening at once. More would only fill the endpoint's accept queue, and what that does not take is tried again after a second; a hundred at a time open ten thousand in a moment. Requests wait meanwhile, and take a connection that comes free first.",
    }),
    idleTimeout: duration({
      default: "60s",
      min: "100ms",
      max: "1d",
      why: "How long an idle connection is kept. Below the usual 75 s of servers, so that Weir closes first and a request rarely meets a connection the upstream has just closed.",
    }),
    ageMax: duration({
      default: "1h",
      min: "1s",
      max: "7d",
      off: true,
      why: "A connection older than this is closed after its answer, so that load moves to endpoints that joined later.",
    }),
    ageJitterRatio: ratio({
      default: 0.2,
      why: "Share of ageMax that is drawn at random for each connection, so that connections opened together do not end together.",
    }),
    pipelineDepthMax: count({
      default: 64,
      min: 1,
      max: 1024,
      why: "Requests in flight on one pipelined connection. Deeper gains nothing in throughput and loses more when the connection breaks.",
    }),
    pipelinedConnectionsPerEndpoint: count({
      default: 4,
      min: 1,
      max: 64,
      why: "Pipelined connections of each worker to each endpoint. Four gather many requests in one write and still let the others go on when one is held up. Where all are full more are opened, up to half of `maxPerEndpoint`, and closed again when they are idle.",
    }),
    dscp: dscp("the upstream"),
    priority: priority("the upstream"),
    multiplexedConnectionsPerEndpoint: count({
      default: 2,
      min: 1,
      max: 64,
      why: "HTTP/2 connections of each worker to each endpoint. One carries all; the second is opened when the first is half full, so that a lost connection does not stop everything.",
    }),
    streamsPerConnectionMax: count({
      default: 100,
      min: 1,
      max: 10_000,
      why: "Requests in flight on one HTTP/2 connection, where the endpoint allows as many. RFC 9113 advises endpoints to allow 100 at least.",
    }),
  },
  "Connections to the endpoints.",
);

const queue = optionalSection(
  {
    requestsMax: count({
      default: 10_000,
      min: 0,
      max: 1_000_000,
      why: "Requests of one worker that may wait for a connection. Beyond it they are refused at once: a longer queue only adds delay to every request in it.",
    }),
    timeout: duration({
      default: "1s",
      min: "1ms",
      max: "10m",
      why: "How long a request waits for a connection before it is refused. A second is where people begin to repeat.",
    }),
  },
  "What happens when every connection is in use.",
);

const timeouts = optionalSection(
  {
    connect: duration({
      default: "2s",
      min: "1ms",
      max: "5m",
      why: "Opening a connection. Two seconds allow one lost SYN (sent again after 1 s), not two.",
    }),
    firstByte: duration({
      default: "30s",
      min: "1ms",
      max: "1d",
      off: true,
      why: "From the request's last byte to the answer's first. Longer than any query should take; set it lower for orders.",
    }),
    idle: duration({
      default: "30s",
      min: "1ms",
      max: "1d",
      off: true,
      why: "Between two reads of an answer's body while the client is ready for more.",
    }),
  },
  "Time limits towards the upstream.",
);

const hostHeader = text<{ kind: "preserve" | "endpoint" } | { kind: "literal"; value: string }>(
  { type: "`preserve`, `endpoint` or a host" },
  {
    default: "preserve",
    why: "The Host field sent upstream: the client's (`preserve`), the endpoint's own address, or a fixed one.",
  },
  (input) => {
    if (input === "preserve" || input === "endpoint") return { value: { kind: input } };
    return /^[A-Za-z0-9._-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/.test(input)
      ? { value: { kind: "literal", value: input } }
      : { problem: messages.hostWrong, hint: messages.hostHint, values: { found: show(input) } };
  },
);

export const upstreams = named(
  section({
    endpoints: listOf(endpoint, {
      min: 1,
      max: 1000,
      why: "Where the service runs: addresses, or names that are resolved again on a schedule.",
    }),
    balance: choice(["least-in-flight", "round-robin", "consistent-hash"], {
      default: "least-in-flight",
      why: "How an endpoint is chosen. `least-in-flight` takes the less loaded of two random ones, which keeps a slow endpoint from collecting requests.",
    }),
    hashOn,
    hostHeader,
    resolveInterval: duration({
      default: "30s",
      min: "1s",
      max: "1d",
      why: "How often names are resolved again. The usual time to live of service records; the old addresses stay while a look-up fails.",
    }),
    connections,
    queue,
    timeouts,
    tls: upstreamTls,
    breaker,
    admission,
    health: upstreamHealth,
    retryBudget,
  }),
  { default: {}, why: "The services behind the gateway, by name." },
);
