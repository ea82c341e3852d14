/** How many worker processes run and where. */
import { availableParallelism } from "node:os";
import { leaf, show } from "./leaf.ts";
import { messages } from "./messages.ts";

const workersMax = 256;

export const workers = leaf<number | "auto">(
  { type: "number or auto", range: `1 to ${workersMax}` },
  { anyOf: [{ type: "integer", minimum: 1, maximum: workersMax }, { const: "auto" }] },
  {
    default: "auto",
    why: "Worker processes in all. `auto` is one per core this process may use: a worker is one event loop and fills one core, so more only adds switching; it is more where listeners have `workers` of their own and would leave none for the others.",
  },
  (input) => {
    if (input === "auto") return { value: "auto" };
    if (typeof input === "number" && Number.isInteger(input) && input >= 1 && input <= workersMax)
      return { value: input };
    const values = { choices: `auto, 1 to ${workersMax}`, found: show(input) };
    return { problem: messages.oneOf, hint: null, values };
  },
);

export const cpuPinning = leaf<boolean | number[]>(
  { type: "on, off or a list of core numbers" },
  { anyOf: [{ enum: [true, false, "on", "off"] }, { type: "array", items: { type: "integer", minimum: 0 } }] },
  {
    default: "off",
    why: "Binds the thread of worker i that serves to the i-th core (`on`) or to the i-th core of a list; its compilers and collectors may run anywhere. It helps where nothing else runs on those cores, most of all with the network card's interrupts bound to them too. Off by default, for it hurts when other programs share them.",
  },
  (input) => {
    if (input === "on" || input === true) return { value: true };
    if (input === "off" || input === false) return { value: false };
    const isCore = (core: unknown): boolean => Number.isInteger(core) && Number(core) >= 0 && Number(core) < 1024;
    if (Array.isArray(input) && input.length > 0 && input.every(isCore)) return { value: input as number[] };
    return { problem: messages.oneOf, hint: null, values: { choices: "on, off, [0, 1, ...]", found: show(input) } };
  },
);

/** The number of workers that `auto` stands for on this machine: at least one for the listeners without their own. */
export function workersCount(configured: number | "auto", listeners: readonly WorkersShare[]): number {
  if (configured !== "auto") return configured;
  const own = ownWorkers(listeners);
  if (listeners.every(({ workers }) => workers > 0)) return Math.max(own, 1);
  return Math.max(Math.min(availableParallelism(), workersMax), own + 1);
}

/** What a listener says of workers of its own: how many, or 0 for none. */
interface WorkersShare {
  readonly workers: number;
}

/** Which workers serve a listener: its own, or those that are nobody's own. */
export interface WorkerRange {
  readonly first: number;
  readonly count: number;
}

/** Own workers come first, in the order of the listeners; the rest serves every listener that has none. */
export function workersOf<T extends WorkersShare>(listener: T, listeners: readonly T[], total: number): WorkerRange {
  const place = listeners.indexOf(listener);
  if (listener.workers > 0) return { first: ownWorkers(listeners.slice(0, place)), count: listener.workers };
  const own = ownWorkers(listeners);
  return { first: own, count: total - own };
}

function ownWorkers(listeners: readonly WorkersShare[]): number {
  return listeners.reduce((sum, { workers }) => sum + workers, 0);
}
