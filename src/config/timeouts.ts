/** Time limits towards clients. */
import { duration, optionalSection } from "./leaf.ts";

export const timeouts = optionalSection(
  {
    head: duration({
      default: "10s",
      min: "10ms",
      max: "10m",
      why: "From a request's first byte to the end of its head. An honest client sends a head in one packet; a slow-header attack is cut here.",
    }),
    bodyIdle: duration({
      default: "20s",
      min: "10ms",
      max: "1h",
      why: "Between two reads of a request's body while the gateway is ready for more. Allows for a mobile network changing cells.",
    }),
    request: duration({
      default: "60s",
      min: "10ms",
      max: "1d",
      off: true,
      why: "From the end of the head to the last byte of the answer. A minute is longer than any order or query waits; routes with long answers raise it.",
    }),
    keepAliveIdle: duration({
      default: "75s",
      min: "10ms",
      max: "1d",
      why: "How long a client's connection may stay idle between requests. The usual 75 s, above the 60 s of most balancers in front, so that they close first.",
    }),
    clientWriteIdle: duration({
      default: "20s",
      min: "10ms",
      max: "1h",
      why: "How long a client may take nothing of an answer that is waiting for it. A slow reader costs its connection, nothing else.",
    }),
    drain: duration({
      default: "30s",
      min: "0ms",
      max: "1d",
      why: "How long an old generation or a stopping gateway lets requests finish. Half of the default request limit: few run longer, and a deployment should not wait for them.",
    }),
    linger: duration({
      default: "2s",
      min: "0ms",
      max: "1m",
      why: "How long the gateway reads on after its last answer on a connection it closes, so that a reset does not destroy the answer on its way (RFC 9112 section 9.6).",
    }),
  },
  "Time limits towards clients, and of shutting down.",
);
