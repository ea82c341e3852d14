/** Lanes: the classes of traffic, their queues, and what is turned away first under pressure. */
import { choice, count, duration, optionalSection, orNull, ratio, size, text } from "./leaf.ts";
import { fieldNameOf } from "./names.ts";

export const laneWords = ["cancel", "order", "market", "query"] as const;

const lane = (queueMax: number, wait: string, why: string): ReturnType<typeof laneSection> =>
  laneSection(queueMax, wait, why);
const laneSection = (queueMax: number, wait: string, why: string) =>
  optionalSection(
    {
      queueMax: count({
        default: queueMax,
        min: 0,
        max: 1_000_000,
        why: "Requests of this lane that may wait, per worker and upstream.",
      }),
      wait: duration({
        default: wait,
        min: "1ms",
        max: "10m",
        why: "How long a request of this lane may wait. One that would wait longer is refused at once.",
      }),
      concurrencyMax: count({
        default: "off",
        min: 1,
        max: 1_000_000,
        off: true,
        why: "Requests of this lane in flight, per worker and upstream.",
      }),
    },
    why,
  );

export const lanes = optionalSection(
  {
    cancel: lane(4096, "1s", "Taking an order back: first in every queue, shed last."),
    order: lane(4096, "250ms", "Placing an order."),
    market: lane(1024, "10ms", "Market data: worthless when late."),
    query: lane(1024, "10ms", "Everything else: shed first."),
    burstWait: duration({
      default: "500ms",
      min: "1ms",
      max: "1m",
      off: true,
      why: "In a queue that was empty before and shrinks again, every request may wait this long, whatever its lane says: what piled up while something stood still for a moment is worked off, and only a queue that stands is cut to the lanes' own waits. Longer than pauses of a collector or of a busy machine, shorter than clients' patience.",
    }),
    reserveRatio: ratio({
      default: 0.05,
      max: 0.5,
      why: "Share of turns kept for the lowest lane that waits, so that it is never starved.",
    }),
    deadlineField: orNull(
      text({ type: "field name" }, { why: "A field's name." }, fieldNameOf),
      "A request field with the milliseconds that its sender will still wait. A request whose time is over is refused, not forwarded.",
    ),
    loopDelayMax: duration({
      default: "2s",
      min: "1ms",
      max: "1m",
      why: "Delay of the event loop that counts as full pressure. Queries are shed from 70 % of it, market data from 80, orders from 95; at all of it one in twenty is let through. Two seconds, because ten thousand clients that each wait for their answer make long rounds without being too many; a gateway that promises milliseconds sets some tens of them.",
    }),
    memoryMax: size({
      default: "off",
      min: "64MiB",
      max: "1024GiB",
      off: true,
      why: "Memory of one worker that counts as full pressure.",
    }),
    queueDelayMax: duration({
      default: "off",
      min: "1ms",
      max: "1m",
      off: true,
      why: "Age of the oldest waiting request that counts as full pressure.",
    }),
  },
  "The classes of traffic, the most valuable first.",
);

export const routeLane = choice(laneWords, { default: "query", why: "The lane of this route's requests." });

export const routeLaneField = orNull(
  text({ type: "field name" }, { why: "A field's name." }, fieldNameOf),
  "A request field whose value, a lane's name, is believed instead. For clients that may choose, such as an order gateway whose one path takes orders and cancels.",
);
