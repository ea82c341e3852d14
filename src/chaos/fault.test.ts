import { expect, test } from "bun:test";
import { WeirError } from "../base/mod.ts";
import { effectsOf, noEffects } from "./effects.ts";
import { faultExamples, formatFault, parseFault } from "./fault.ts";

test("a fault's text is read and written as the same fault", () => {
  expect(parseFault("latency delay=100ms jitter=20ms direction=down probability=0.5")).toEqual({
    kind: "latency",
    delayMs: 100,
    jitterMs: 20,
    direction: "down",
    probability: 0.5,
  });
  for (const text of [...faultExamples, "latency delay=1.5s direction=up", "limit bytes=0B", "reset"]) {
    expect(parseFault(formatFault(parseFault(text)))).toEqual(parseFault(text));
  }
  expect(faultExamples.map((text) => formatFault(parseFault(text)))).toEqual([...faultExamples]);
});

test("what is no fault is refused with a hint", () => {
  const wrong = [
    "",
    "slowness",
    "latency",
    "latency delay=100",
    "latency delay=-5ms",
    "latency delay=5ms jitter",
    "bandwidth rate=0B/s",
    "partition direction=left",
    "loss probability=2",
    "limit bytes=10KiB=3",
    "reset delay=5ms",
  ];
  for (const text of wrong) {
    let error: unknown = null;
    try {
      parseFault(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(WeirError);
    expect((error as WeirError).code).toBe("chaos.fault");
    expect((error as WeirError).hint).not.toBe("");
  }
});

test("delays of several faults add up, the tightest limit counts, and each direction has its own", () => {
  const faults = [
    "latency delay=10ms",
    "latency delay=5ms jitter=1ms direction=down",
    "bandwidth rate=10KB/s",
    "bandwidth rate=5KB/s direction=up",
    "limit bytes=3B direction=down",
  ].map(parseFault);
  expect(effectsOf(faults, "up")).toEqual({ ...noEffects, delayMs: 10, bytesPerSecond: 5000 });
  expect(effectsOf(faults, "down")).toEqual({
    ...noEffects,
    delayMs: 15,
    jitterMs: 1,
    bytesPerSecond: 10_000,
    limitBytes: 3,
  });
});
