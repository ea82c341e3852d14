/**
 * The rig of the benchmarks that run Weir beside other programs: processes pinned to cores and gone at the end, the
 * kernel's own accounting, wrk, the peers with their tuned configurations, and the statistics of interleaved rounds.
 */
export {
  type ProcessorTime,
  processorTime,
  type ResidentMemory,
  residentMemory,
  type UsedTime,
  usedBetween,
} from "./accounting.ts";
export {
  anyCore,
  childrenOf,
  Fleet,
  freePort,
  isListening,
  isServing,
  main,
  otherCore,
  type Program,
  root,
  servingCore,
  until,
} from "./fleet.ts";
export { type H2loadOptions, type H2loadResult, runH2load } from "./h2load.ts";
export { describe, type Machine, machine } from "./machine.ts";
export { type Peer, type PeerOptions, type StartPeer, startBackend } from "./peer.ts";
export { peerNames, startPeer } from "./peer-names.ts";
export { bootstrap, meanOf, ratiosOf, type Spread, showSpread, spreadOf, table } from "./statistics.ts";
export { errorsOf, runWrk, type WrkOptions, type WrkResult } from "./wrk.ts";
