/** What one HTTP/2 connection may hold, and what ends a flood. Heads, bodies and trailers have the limits of HTTP/1.1. */
import { count, optionalSection, size } from "./leaf.ts";

/** A budget: so many at once, and so many more in every second after it. */
function budget(burst: number, perSecond: number, why: string) {
  return optionalSection(
    {
      burst: count({ default: burst, min: 1, max: 1_000_000, why: "At once." }),
      perSecond: count({
        default: perSecond,
        min: 0,
        max: 1_000_000,
        why: "Given back every second, up to the burst.",
      }),
    },
    why,
  );
}

export const http2Limits = optionalSection(
  {
    streamsMax: count({
      default: 128,
      min: 1,
      max: 10_000,
      why: "Streams a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). RFC 9113 section 6.5.2 advises at least 100, and one client rarely has more in flight.",
    }),
    streamWindow: size({
      default: "256KiB",
      min: "64KiB",
      max: "16MiB",
      why: "Bytes of one stream that may be under way to Weir. 256 KiB carries 20 Mbit/s over 100 ms. Not below the 64 KiB a peer may use before it has read our settings.",
    }),
    connectionWindow: size({
      default: "1MiB",
      min: "64KiB",
      max: "64MiB",
      why: "The same for all streams of a connection together: the most memory that a slow reader behind Weir costs for one connection. Four streams fill it.",
    }),
    table: size({
      default: "4KiB",
      min: "0B",
      max: "64KiB",
      why: "The HPACK table kept of a peer's fields (SETTINGS_HEADER_TABLE_SIZE), at most a quarter of `limits.headMax`. The default of RFC 9113, which every peer keeps to before it has read our settings.",
    }),
    fieldBlockMax: size({
      default: "64KiB",
      min: "16KiB",
      max: "1MiB",
      why: "A field block as it comes, over all its frames. Twice `limits.headMax`: no encoder makes a head larger than it was, and one over the limit can still be answered with 431. A larger headMax raises it.",
    }),
    continuationsMax: count({
      default: 8,
      min: 1,
      max: 1024,
      why: "CONTINUATION frames of one field block. 32 KiB take two frames of 16 KiB; eight leave room for small ones. CVE-2024-27316 had no end.",
    }),
    outputMax: size({
      default: "128KiB",
      min: "32KiB",
      max: "16MiB",
      why: "Bytes that may wait to be written on a connection before its bodies have to wait. Two rounds of a socket's default send buffer.",
    }),
    backlogMax: size({
      default: "64KiB",
      min: "4KiB",
      max: "16MiB",
      why: "What may wait beyond that of answers a peer is owed whether it reads or not: acknowledged settings, pings and resets. 3,800 pings; a peer that asks for more and reads nothing is cut off.",
    }),
    resets: budget(
      200,
      20,
      "Streams that a client resets, or makes us reset. A browser cancels the requests of a page at once; rapid reset (CVE-2023-44487, CVE-2025-8671) does it thousands of times a second. An answered stream gives one back.",
    ),
    settings: budget(
      32,
      2,
      "SETTINGS frames. Peers change settings once or twice; each costs a walk over all streams and an answer.",
    ),
    pings: budget(
      100,
      20,
      "PING frames. gRPC pings with every estimate of its window, keep-alives come every few seconds.",
    ),
    emptyFrames: budget(
      100,
      10,
      "DATA frames that neither carry nor end anything. They have no use, but some libraries send a few; one that carries gives one back.",
    ),
    windowUpdates: budget(
      1000,
      500,
      "WINDOW_UPDATE frames. Clients that give back every frame at once send two for each DATA frame, and each useful one of ours gives two back, so that only windows of a few bytes run out.",
    ),
    controls: budget(
      400,
      50,
      "PRIORITY frames, unknown and late ones. Priorities of RFC 7540 come once or twice with every stream, and a new stream gives two back; unknown frames hardly ever come.",
    ),
    largeHeads: budget(
      50,
      5,
      "Requests whose heads are over the limit. Each is decoded to its end and answered 431. A browser whose cookies have grown too large sends one for everything on a page; an HPACK bomb, a few bytes that unpack to hundreds of kilobytes, comes by the hundred.",
    ),
  },
  "HTTP/2, with clients and with upstreams. A connection keeps the limits it began with.",
);
