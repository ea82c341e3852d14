/** The machine under the measurement: what it is, and what processes use of it. */
export { keepAwake } from "./awake.ts";
export { allowedCores, bindTo, type CoreShares, coresBeside, shareCores } from "./cores.ts";
export { busyRatioMax, type Fingerprint, readFingerprint, weaknesses } from "./fingerprint.ts";
export { giveTurn, mayGiveTurns } from "./priority.ts";
export {
  type MachineUse,
  type ProcessUse,
  readMachineUse,
  readRunSeconds,
  readTimeWaitCount,
  readUse,
} from "./processes.ts";
export { type Standstill, StandstillWatch } from "./standstill.ts";
export { readStillness, type Stillness } from "./stillness.ts";
