/**
 * The cost of a timeout on the timer wheel: moving the deadline of a waiting node (what every byte on a connection does),
 * and setting and cancelling one. Prints nanoseconds of CPU, the median of rounds.
 */
import { type TimerNode, TimerWheel, timerIdle } from "../../../src/resilience/mod.ts";

class Node implements TimerNode<Node> {
  timerNext: Node | null = null;
  timerPrevious: Node | null = null;
  timerDeadlineMs = 0;
  timerTick = timerIdle;
}

export interface TimerCosts {
  /** Moving a waiting node's deadline later. */
  readonly extendNs: number;
  /** Setting a timer and cancelling it. */
  readonly setAndCancelNs: number;
}

/** Nanoseconds of CPU, medians of `rounds`, with `nodesCount` nodes waiting. */
export function measureTimers(rounds: number, operations: number, nodesCount = 10_000): TimerCosts {
  const wheel = new TimerWheel<Node>(0, () => {});
  const nodes = Array.from({ length: nodesCount }, () => new Node());
  for (const [index, node] of nodes.entries()) wheel.schedule(node, 10_000 + index);
  const other = new Node();
  const extend: number[] = [];
  const setAndCancel: number[] = [];
  for (let round = 0; round < rounds; round++) {
    extend.push(cpuNs(operations, (index) => wheel.schedule(nodes[index % nodesCount]!, 30_000 + (index & 8191))));
    setAndCancel.push(
      cpuNs(operations, (index) => {
        wheel.schedule(other, 5_000 + (index & 8191));
        wheel.cancel(other);
      }),
    );
  }
  return { extendNs: median(extend), setAndCancelNs: median(setAndCancel) };
}

function cpuNs(operations: number, operate: (index: number) => void): number {
  const start = process.cpuUsage();
  for (let index = 0; index < operations; index++) operate(index);
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / operations;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  const costs = measureTimers(9, 3_000_000);
  console.log(`extend a waiting timer   ${costs.extendNs.toFixed(1)} ns`);
  console.log(`set and cancel           ${costs.setAndCancelNs.toFixed(1)} ns`);
}
