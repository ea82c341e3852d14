/**
 * A timeline of faults from a YAML file, so that a run can be repeated exactly:
 *
 *     listen: 127.0.0.1:7000
 *     upstream: 127.0.0.1:9000
 *     seed: 7
 *     timeline:
 *       - { at: 5s, for: 20s, name: cut, fault: partition }
 *       - { at: 30s, fault: latency delay=50ms jitter=10ms direction=down }
 *
 * Without `for` a fault stays to the end. All times count from the start.
 */
import { readFileSync } from "node:fs";
import { defineMessages, say, WeirError } from "../base/mod.ts";
import {
  type Address,
  count,
  durationOverride,
  type ListenAddress,
  listOf,
  orNull,
  parseAddress,
  parseDocumentWith,
  sayProblem,
  section,
  text,
} from "../config/mod.ts";
import { type Fault, formatFault, parseFault } from "./fault.ts";
import { messages } from "./messages.ts";
import type { FaultProxy } from "./proxy.ts";

export interface TimedFault {
  readonly name: string;
  readonly fault: Fault;
  readonly atMs: number;
  /** Null: to the end. */
  readonly forMs: number | null;
}

export interface ChaosScenario {
  readonly listen: ListenAddress | null;
  readonly upstream: Address | null;
  readonly seed: number | null;
  readonly timeline: readonly TimedFault[];
}

const problems = defineMessages({
  wrong: { en: "{reason}", zh: "{reason}" },
  hint: { en: "{hint}", zh: "{hint}" },
});
const eventsMax = 1000;

const faultText = text<Fault>({ type: "fault" }, { why: "What happens, as on the command line." }, (input) => {
  try {
    return { value: parseFault(input) };
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return { problem: problems.wrong, hint: problems.hint, values: { reason: error.message, hint: error.hint } };
  }
});

function addressText<T extends Address>(why: string, takes: (address: Address) => address is T) {
  return text<T>({ type: "address" }, { why }, (input) => {
    const address = parseAddress(input);
    if (address !== null && takes(address)) return { value: address };
    const values = { reason: say(messages.address, { text: input }), hint: say(messages.addressHint) };
    return { problem: problems.wrong, hint: problems.hint, values };
  });
}

const isListen = (address: Address): address is ListenAddress => address.kind !== "name";
const isAddress = (_address: Address): _address is Address => true;

const schema = section({
  listen: orNull(addressText("Where the proxy listens.", isListen), "Where the proxy listens."),
  upstream: orNull(addressText("Where connections go.", isAddress), "Where connections go."),
  seed: orNull(count({ min: 0, max: 4_294_967_295, why: "Seed of everything random." }), "Seed."),
  timeline: listOf(
    section({
      at: durationOverride({ min: "0ms", max: "7d", why: "When it begins, from the start." }),
      for: durationOverride({ min: "1ms", max: "7d", why: "How long; left out, to the end." }),
      name: orNull(
        text({ type: "name" }, { why: "Name of the fault." }, (value) => ({ value })),
        "Name; its kind and place by default.",
      ),
      fault: faultText,
    }),
    { min: 1, max: eventsMax, isPlain: true, why: "Faults in time." },
  ),
});

export function readScenario(file: string): ChaosScenario {
  try {
    return parseScenario(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new WeirError("chaos.scenario", say(messages.scenarioUnread, { file }), {
      hint: String(error),
      cause: error,
    });
  }
}

/** @param file its name in problems */
export function parseScenario(content: string, file: string): ChaosScenario {
  const parsed = parseDocumentWith(schema, content, file);
  if ("problems" in parsed) {
    const lines = parsed.problems.map((problem) => {
      const { message, hint } = sayProblem(problem);
      return `  ${file}:${problem.line}:${problem.column} ${problem.path.join(".")}: ${message}${hint === null ? "" : `; ${hint}`}`;
    });
    throw new WeirError("chaos.scenario", say(messages.scenario, { count: lines.length, lines: lines.join("\n") }), {
      hint: say(messages.scenarioHint),
    });
  }
  const { listen, upstream, seed, timeline } = parsed.value;
  return {
    listen,
    upstream,
    seed,
    timeline: timeline.map((entry, index) => ({
      name: entry.name ?? `${entry.fault.kind}-${index + 1}`,
      fault: entry.fault,
      atMs: entry.atMs ?? 0,
      forMs: entry.forMs,
    })),
  };
}

/** One thing that happened to a proxy. */
export interface TimelineEvent {
  /** Since the start. */
  readonly atMs: number;
  readonly name: string;
  readonly change: "began" | "ended";
  readonly fault: string;
}

/** Plays a timeline on a proxy; resolves after the last change, at once when `signal` fires. */
export async function playTimeline(
  proxy: FaultProxy,
  timeline: readonly TimedFault[],
  onEvent: (event: TimelineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const changes = timeline
    .flatMap((entry) => [
      { atMs: entry.atMs, entry, change: "began" as const },
      ...(entry.forMs === null ? [] : [{ atMs: entry.atMs + entry.forMs, entry, change: "ended" as const }]),
    ])
    .sort((left, right) => left.atMs - right.atMs);
  const beganMs = proxy.clock.monotonicMs();
  for (const { atMs, entry, change } of changes) {
    await sleepUntil(() => proxy.clock.monotonicMs() - beganMs, atMs, signal);
    if (signal.aborted) return;
    if (change === "began") proxy.set(entry.name, entry.fault);
    else if (proxy.snapshot().faults.some(({ name }) => name === entry.name)) proxy.clear(entry.name);
    onEvent({
      atMs: proxy.clock.monotonicMs() - beganMs,
      name: entry.name,
      change,
      fault: formatFault(entry.fault),
    });
  }
}

function sleepUntil(nowMs: () => number, atMs: number, signal: AbortSignal): Promise<void> {
  const waitMs = atMs - nowMs();
  if (waitMs <= 0 || signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, waitMs);
  const onAbort = (): void => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
