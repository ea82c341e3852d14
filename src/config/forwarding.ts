/** What the gateway adds to what it forwards, and whom it believes. */
import { choice, flag, listOf, optionalSection, text } from "./leaf.ts";
import { name, network, rewritableFieldNameOf } from "./names.ts";

export const trustedNetworks = listOf(network({ why: "A network." }), {
  default: [],
  max: 1000,
  why: "Networks whose Forwarded, X-Forwarded-*, request id and traceparent fields are believed and continued. From everybody else they are removed and begun anew. Empty by default: a field anybody can send proves nothing.",
});

export const forwarding = optionalSection(
  {
    fields: choice(["x-forwarded", "forwarded", "both", "none"], {
      default: "x-forwarded",
      why: "How the client's address, scheme and host are told to the upstream: X-Forwarded-For, -Proto and -Host (which most software reads), Forwarded (RFC 7239), both or none.",
    }),
    via: name({ default: "weir", why: "The name in the Via field (RFC 9110 section 7.6.3), which stops loops." }),
    requestIdField: text(
      { type: "field name" },
      {
        default: "x-request-id",
        why: "The field that carries the request's id to the upstream and back to the client.",
      },
      rewritableFieldNameOf,
    ),
    requestId: flag({ default: "on", why: "Adds a request id. An id from a trusted network is kept." }),
    traceparent: flag({ default: "on", why: "Adds or continues the W3C trace context." }),
  },
  "What the gateway adds to what it forwards.",
);
