/** Faults on purpose: between connections, in processes, in clocks. See docs/chaos.md. */

export {
  addressOf,
  askControl,
  type ControlAnswer,
  type ControlServer,
  controlAddressDefault,
  listenAddressOf,
  startControl,
} from "./control.ts";
export {
  type ClockFile,
  clockEnvironment,
  findClockFile,
  formatOffset,
  newClockFile,
  parseOffset,
} from "./faketime.ts";
export { type Direction, type Fault, faultExamples, faultKinds, formatFault, parseFault } from "./fault.ts";
export { messages } from "./messages.ts";
export { killProcess, type ProcessTarget, pauseProcess, processTarget } from "./process-fault.ts";
export { FaultProxy, type ProxyOptions, type ProxySnapshot } from "./proxy.ts";
export {
  type ChaosScenario,
  parseScenario,
  playTimeline,
  readScenario,
  type TimedFault,
  type TimelineEvent,
} from "./scenario.ts";
