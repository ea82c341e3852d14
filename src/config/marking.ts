/** How packets are marked, so that the kernel's queues and the network can tell orders from the rest. */
import { count } from "./leaf.ts";

export const dscp = (whose: string): ReturnType<typeof count> =>
  count({
    default: "off",
    min: 1,
    max: 63,
    off: true,
    why: `Differentiated services code point of packets to ${whose} (RFC 2474); 46 is expedited forwarding. The network must be set up for it.`,
  });

export const priority = (whose: string): ReturnType<typeof count> =>
  count({
    default: "off",
    min: 1,
    max: 6,
    off: true,
    why: `SO_PRIORITY of packets to ${whose}: the band of this machine's own queue, 6 the first. Seen by a queueing discipline such as prio or mqprio.`,
  });
