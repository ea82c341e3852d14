/** What the two sides of a WebSocket may send through the gateway. */
import { count, optionalSection, size } from "./leaf.ts";

export const webSocketLimits = optionalSection(
  {
    frameMax: size({
      default: "16MiB",
      min: "125B",
      max: "1GiB",
      why: "One frame. Nothing is kept of a frame, so the limits protect those who read the messages: 16 MiB is beyond any order or quote.",
    }),
    messageMax: size({
      default: "16MiB",
      min: "125B",
      max: "1GiB",
      why: "One message over all its frames, compressed where it is compressed. As large as a frame.",
    }),
    fragmentsMax: count({
      default: 16_384,
      min: 1,
      max: 1_000_000,
      why: "Frames of one message. The largest message in fragments of a kilobyte; more is an attack on whoever joins them.",
    }),
  },
  "WebSocket, in both directions. A tunnel keeps the limits it began with.",
);
