/** Where clients connect. */
import { laneWords } from "./lanes.ts";
import { choice, count, durationUs, flag, listOf, offOr, section } from "./leaf.ts";
import { dscp, priority } from "./marking.ts";
import { listenAddress, named, network } from "./names.ts";
import { listenerTls } from "./tls.ts";

const proxyProtocol = offOr(
  section({
    from: listOf(network({ why: "A network." }), {
      why: "Networks whose connections begin with a PROXY header. A connection from elsewhere must not carry one.",
      min: 1,
      max: 256,
    }),
    version: choice(["any", "v1", "v2"], { default: "any", why: "Which versions of the header are accepted." }),
  }),
  {
    default: "off",
    why: "The PROXY protocol (v1 and v2) of a balancer in front, so that the client's own address is seen. Off unless the balancer's networks are named: anybody else could claim any address with it.",
  },
);

export const listeners = named(
  section({
    address: listenAddress({
      why: "`127.0.0.1:8080`, `[::1]:8080` or `unix:/run/weir.sock`. Port 0 takes a free port.",
    }),
    protocol: choice(["http"], { default: "http", why: "What is spoken here." }),
    backlog: count({
      default: 16_384,
      min: 1,
      max: 1_048_576,
      why: "Connections the kernel holds until a worker accepts them. A reconnect storm of every client at once must fit; the kernel cuts it to net.core.somaxconn.",
    }),
    noDelay: flag({
      default: "on",
      why: "TCP_NODELAY. On, because answers are already gathered into one write, and waiting for more costs up to 40 ms.",
    }),
    busyPoll: durationUs({
      default: "off",
      min: "1us",
      max: "1ms",
      off: true,
      why: "SO_BUSY_POLL: how long the kernel spins on the card's queue for the next packet. Off: it trades a core for a few microseconds; 50us is the usual value for order entry.",
    }),
    dscp: dscp("clients"),
    priority: priority("clients"),
    reusePort: flag({
      default: "on",
      why: "One accept queue per worker (SO_REUSEPORT). Off gives one common queue, which spreads few connections more evenly.",
    }),
    workers: count({
      default: "off",
      min: 1,
      max: 64,
      off: true,
      why: "So many of `workers` serve this listener and no other, so that what comes in elsewhere never shares an event loop, a collector or a core with it. They are the first ones, listener by listener, which is what `cpuPinning` counts by. Off: it is served by those that the other listeners leave.",
    }),
    lanes: listOf(choice(laneWords, { why: "A lane." }), {
      default: [],
      max: 4,
      why: "Lanes whose requests are let in here; any other is answered 421. Empty lets all in. It keeps what has its own workers to itself.",
    }),
    proxyProtocol,
    tls: listenerTls,
  }),
  {
    default: { public: { address: "127.0.0.1:8080" } },
    why: "Where clients connect, by name.",
  },
);
