/** Policies as state machines over an injected monotonic clock, without sockets. */
export { type TimerNode, TimerWheel, timerIdle } from "./timer-wheel.ts";
