/** Traffic classes: bounded queues in strict priority, and the gate that decides who goes to an upstream when. */
export { Lane, type LaneName, laneNames, laneOf, lanesCount } from "./lane.ts";
export {
  burstWaitMsDefault,
  type GateOptions,
  GateVerdict,
  gateVerdictNames,
  LaneGate,
  type LaneSettings,
  laneDefaults,
} from "./lane-gate.ts";
export { type LaneNode, LaneQueues } from "./lane-queues.ts";
