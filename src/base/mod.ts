/** Building blocks without imports. */
export { AssertionError, assert, unreachable } from "./assert.ts";
export { copyBytes, equalBytes, latin1, writeDecimal, writeLatin1 } from "./bytes.ts";
export { type Clock, FakeClock, readTogether, systemClock } from "./clock.ts";
export { withoutCollectorTimer } from "./collector-timer.ts";
export { ExitCode, WeirError } from "./errors.ts";
export { Histogram } from "./histogram.ts";
export { compactLatencyShape, HistogramShape, latencyNsShape, latencyShape } from "./histogram-shape.ts";
export { ipv6Bytes, isIPv4, isIPv6 } from "./ip-address.ts";
export { KeyHash } from "./key-hash.ts";
export { defineMessages, type Language, language, type Message, say, sayBoth, setLanguage } from "./language.ts";
export { LoopClock } from "./loop-clock.ts";
export { openMachineClock } from "./machine-clock.ts";
export {
  Outcome,
  type OutcomeName,
  type OutcomeOrigin,
  type OutcomeRetry,
  type OutcomeRow,
  outcomeCodesCount,
  outcomeRow,
  outcomeRows,
} from "./outcomes.ts";
export { Random, randomSeed } from "./random.ts";
export { readSecret, type Secret } from "./secrets.ts";
export { version } from "./version.ts";
