/** The runtime's garbage collector: how it works, and when, by the time of the trading day. */
import { duration, flag, leaf, listOf, optionalSection, section, show, size, text } from "./leaf.ts";
import { messages } from "./messages.ts";
import { name } from "./names.ts";

/** Minutes since midnight. */
const timeOfDay = (why: string): ReturnType<typeof leaf<number>> =>
  leaf({ type: "time of day" }, { type: "string", pattern: "^([01]\\d|2[0-3]):[0-5]\\d$" }, { why }, (input) => {
    const match = typeof input === "string" ? /^([01]\d|2[0-3]):([0-5]\d)$/.exec(input) : null;
    if (match !== null) return { value: Number(match[1]) * 60 + Number(match[2]) };
    return { problem: messages.timeOfDayWrong, hint: messages.timeOfDayHint, values: { found: show(input) } };
  });

const timeZone = text(
  { type: "time zone" },
  { default: "UTC", why: "Whose clock `from` and `to` are read from, as in `Asia/Shanghai`." },
  (input) => {
    try {
      new Intl.DateTimeFormat("en", { timeZone: input });
      return { value: input };
    } catch {
      return { problem: messages.timeZoneWrong, hint: messages.timeZoneHint, values: { found: show(input) } };
    }
  },
);

const idle = (why: string, initial: "on" | "off"): ReturnType<typeof flag> => flag({ default: initial, why });

const phase = section({
  name: name({ why: "What it is called, such as `market` or `order`." }),
  from: timeOfDay('When it begins, as in "09:15".'),
  to: timeOfDay("When it ends; before `from` means on the next day."),
  timeZone,
  idle: idle("As `idle` above, in this phase.", "on"),
});

const phasesMax = 16;

export const collector = optionalSection(
  {
    concurrent: flag({
      default: "on",
      why: "Marks on a thread of its own while the worker goes on. On: pauses are short. Off spares that thread's processor time, and each collection stops the worker for as long as it takes. Workers take it over when they start.",
    }),
    allocationMax: size({
      default: "off",
      min: "256KiB",
      max: "1GiB",
      off: true,
      why: "How much may be allocated between collections. Off: the runtime decides by the size of the heap. Less makes each collection shorter and all of them together dearer. Workers take it over when they start.",
    }),
    idle: idle(
      "Collect what is young in moments when no request is in flight, so that less is left to be collected while one is. Off by default: with steady traffic there are few such moments, and the runtime's own choice is cheaper.",
      "off",
    ),
    idleEvery: duration({
      default: "250ms",
      min: "16ms",
      max: "1m",
      why: "With `idle`, at most so often: a collection takes about a millisecond.",
    }),
    phases: listOf(phase, {
      default: [],
      max: phasesMax,
      isPlain: true,
      why: "Times of the day with a choice of their own; the first that fits counts. Where one begins, the whole heap is collected once, so that it need not be soon after.",
    }),
  },
  "The runtime's garbage collector. `weir prove gc` measures what each choice is worth.",
);
