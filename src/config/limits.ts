/** How much a client may send and hold. */
import { http2Limits } from "./http2.ts";
import { count, optionalSection, size } from "./leaf.ts";
import { webSocketLimits } from "./web-socket.ts";

export const limits = optionalSection(
  {
    connectionsMax: count({
      default: 100_000,
      min: 1,
      max: 10_000_000,
      why: "Client connections in all, over all workers. 100,000 idle ones take about 130 MB; descriptors are checked against it at start.",
    }),
    connectionsPerNetworkMax: count({
      default: "off",
      min: 1,
      max: 10_000_000,
      off: true,
      why: "Client connections from one network. Off, because all clients behind one balancer or address translation look like one network; set it on a gateway that faces the internet.",
    }),
    networkPrefixBits4: count({
      default: 32,
      min: 8,
      max: 32,
      why: "How much of an IPv4 address names a network for connectionsPerNetworkMax. 32 is one address.",
    }),
    networkPrefixBits6: count({
      default: 64,
      min: 16,
      max: 128,
      why: "The same for IPv6. A customer gets at least a /64, so single addresses say nothing.",
    }),
    headMax: size({
      default: "32KiB",
      min: "1KiB",
      max: "256KiB",
      why: "The head of one request or answer. Four times what browsers send with large cookies; it must fit into one connection's buffer.",
    }),
    fieldsMax: count({
      default: 100,
      min: 8,
      max: 1000,
      why: "Fields in one head. Real requests carry 10 to 40; more costs the upstream work per field.",
    }),
    targetMax: size({
      default: "8KiB",
      min: "64B",
      max: "64KiB",
      why: "The request target. RFC 9110 section 4.1 asks for at least 8,000 octets.",
    }),
    bodyMax: size({
      default: "16MiB",
      min: "1B",
      max: "1024GiB",
      off: true,
      why: "A request's body. Bodies are streamed and cost no memory; the limit protects the upstream. Routes for uploads raise it.",
    }),
    chunkExtensionMax: size({
      default: "256B",
      min: "0B",
      max: "16KiB",
      why: "Extensions of one chunk. Nobody uses them; without a limit they are a way to send without end.",
    }),
    trailerMax: size({
      default: "8KiB",
      min: "0B",
      max: "64KiB",
      why: "Trailer fields of one chunked body. Checksums and gRPC status need a few hundred bytes.",
    }),
    requestsPerConnectionMax: count({
      default: "off",
      min: 1,
      max: 1_000_000_000,
      off: true,
      why: "Requests after which a client's connection is closed. Off: connections are released by age on the upstream side, and closing costs the client a handshake.",
    }),
    http2: http2Limits,
    webSocket: webSocketLimits,
  },
  "How much a client may send and hold.",
);
