/** Who may use a route, how they prove it, and what time it is when they do. */
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
  section,
  show,
  text,
} from "./leaf.ts";
import { messages } from "./messages.ts";
import { fieldMap, fieldNameOf, name, named, secret, upstreamAddress } from "./names.ts";

/** Where public keys come from. */
export type KeySource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string };

const keySource = leaf<KeySource>(
  { type: "`{ file: path }` or `{ url: https://... }`" },
  {
    anyOf: [
      { type: "object", properties: { file: { type: "string" } }, required: ["file"], additionalProperties: false },
      { type: "object", properties: { url: { type: "string" } }, required: ["url"], additionalProperties: false },
    ],
  },
  { why: "A JSON Web Key Set (RFC 7517)." },
  (input) => {
    const { file, url, ...others } = (typeof input === "object" && input !== null ? input : {}) as Record<
      string,
      unknown
    >;
    if (Object.keys(others).length === 0 && url === undefined && typeof file === "string" && file !== "") {
      return { value: { kind: "file", path: file } };
    }
    if (Object.keys(others).length === 0 && file === undefined && typeof url === "string" && URL.canParse(url)) {
      return { value: { kind: "url", url } };
    }
    return {
      problem: messages.oneOf,
      hint: null,
      values: { choices: "{ file: path }, { url: https://... }", found: show(input) },
    };
  },
);

const word = (why: string): ReturnType<typeof text<string>> =>
  text({ type: "text" }, { why }, (input) =>
    input.length > 0 && input.length <= 256
      ? { value: input }
      : { problem: messages.missing, hint: null, values: { expected: "text of 1 to 256 characters" } },
  );

const field = (why: string, initial: string): ReturnType<typeof text<string>> =>
  text({ type: "field name" }, { default: initial, why }, fieldNameOf);

const jwt = section({
  keys: keySource,
  issuer: orNull(word("The issuer."), "The `iss` that a token must have."),
  audience: orNull(word("The audience."), "The `aud` that a token must have among its own."),
  algorithms: listOf(
    choice(["ES256", "ES384", "RS256", "PS256", "EdDSA"], {
      why: "A signature algorithm of JWS. `none` and shared secrets do not exist here.",
    }),
    { default: ["ES256", "RS256", "PS256", "EdDSA"], min: 1, max: 5, why: "Signatures that are accepted." },
  ),
  refresh: duration({
    default: "5m",
    min: "1s",
    max: "1d",
    why: "How often the keys are read again. A token with an unknown key reads them at once, at most every 30 s.",
  }),
  tolerance: duration({
    default: "1s",
    min: "1ms",
    max: "5m",
    why: "By how much `exp` and `nbf` may be missed. Small, because the clock guard corrects our own clock.",
  }),
  cacheMax: count({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    why: "Verified tokens that each worker remembers, so that a signature is checked once.",
  }),
});

const hmac = section({
  keys: secret({ why: "Lines of `<key id> <secret>`." }),
  window: duration({
    default: "30s",
    min: "1s",
    max: "10m",
    why: "How far a signature's time may be from ours, either way.",
  }),
  noncesMax: count({
    default: 65_536,
    min: 64,
    max: 4_000_000,
    why: "Nonces remembered by all workers together: the rate of requests times twice the window. When it is full, requests are refused, not let through unchecked.",
  }),
});

const apiKeys = section({
  field: field("The field that carries the key.", "x-api-key"),
  keys: secret({ why: "Lines of `<id> <SHA-256 of the key in hexadecimal>`: the keys themselves are kept nowhere." }),
});

const certificates = section({
  fingerprints: listOf(word("SHA-256 in hexadecimal."), {
    default: [],
    max: 10_000,
    why: "Certificates that are accepted. Empty: every one that the listener's own authorities vouch for.",
  }),
});

export const identity = optionalSection(
  {
    jwt: named(jwt, { default: {}, why: "Bearer tokens (RFC 6750, RFC 7519), by name." }),
    hmac: named(hmac, {
      default: {},
      why: "Requests signed with a shared secret, by name; docs/resilience.md has the form.",
    }),
    apiKeys: named(apiKeys, { default: {}, why: "Keys in a field, by name." }),
    certificates: named(certificates, { default: {}, why: "TLS client certificates, by name." }),
  },
  "Ways to prove an identity. Routes name the ones they accept.",
);

export const routeIdentity = offOr(
  section({
    accept: listOf(name({ why: "A name of `identity`." }), {
      min: 1,
      max: 16,
      why: "Proofs that are accepted; any one is enough.",
    }),
    claims: fieldMap(
      "Claims that must have these values, beside a valid proof. A list in the token must contain the value.",
    ),
    forward: fieldMap("Claims passed on, as `{ X-Subject: sub }`. What the client sent under these names is dropped."),
    laneClaim: orNull(word("A claim's name."), "A claim whose value, a lane's name, decides the lane."),
    dropProof: flag({
      default: "off",
      why: "Whether the proof itself (token, key, signature) is kept from the upstream.",
    }),
  }),
  { default: "off", why: "Who may use the route. `off`: everybody." },
);

export const clock = optionalSection(
  {
    sources: listOf(upstreamAddress({ why: "An address." }), {
      default: [],
      max: 8,
      why: "NTP servers (RFC 5905) that the wall clock is compared with, as `ntp.example:123`. Three or more can outvote a wrong one. Without any, a step of the wall clock is detected and not believed.",
    }),
    interval: duration({ default: "16s", min: "1s", max: "1h", why: "How often each source is asked." }),
    warn: duration({
      default: "100ms",
      min: "1ms",
      max: "1h",
      why: "Offset from which the clock is reported as wrong.",
    }),
    fence: duration({
      default: "250ms",
      min: "1ms",
      max: "1h",
      why: "Offset or uncertainty from which the clock is reported as unusable for what other systems compare.",
    }),
  },
  "What time it is. Timers, limits and breakers never depend on it; tokens and signatures do, and are checked by the corrected time.",
);
